/** Who may use a relay, from the options of `fileshare relay`. */
import { usage } from "./args.ts";

export interface AccessValues {
  readonly "trusted-proxy": readonly string[];
}

/** @throws FaultError "usage" */
export async function accessOf(values: AccessValues) {
  const { isAddressRange } = await import("../relay/mod.ts");
  const trustedProxies = values["trusted-proxy"];
  for (const range of trustedProxies) {
    if (isAddressRange(range)) continue;
    throw usage(`--trusted-proxy takes an address or a range such as 10.0.0.0/8, not "${range}"`);
  }
  return { mode: "open", lobby: "open", tokens: [], trustedProxies } as const;
}
