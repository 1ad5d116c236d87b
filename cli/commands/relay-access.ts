/** Who may use a relay, from the options of `fileshare relay`. */
import { usage } from "../arguments/command-line.ts";

/** What a file of tokens holds, for where there are no files. Hashes: it is not secret. */
const TOKENS_VARIABLE = "FILESHARE_RELAY_TOKENS";

export interface AccessValues {
  readonly access: string | undefined;
  readonly "lobby-access": string | undefined;
  readonly "token-file": string | undefined;
  readonly "public-url": string | undefined;
  readonly origin: readonly string[];
  readonly "trusted-proxy": readonly string[];
}

/** @throws FaultError "usage", "bad-tokens" */
export async function accessOf(values: AccessValues) {
  const { ACCESS_MODES, isAddressRange, knownTokens, parseTokens } =
    await import("../../relay/mod.ts");
  const modeOf = (option: string, given: string) => {
    const mode = ACCESS_MODES.find((each) => each === given);
    if (mode !== undefined) return mode;
    throw usage(`${option} takes ${ACCESS_MODES.join(", ")}, not "${given}"`);
  };
  const mode = modeOf("--access", values.access ?? "open");
  const lobby = modeOf("--lobby-access", values["lobby-access"] ?? mode);
  const text = process.env[TOKENS_VARIABLE] ?? "";
  if (text === "" && values["token-file"] === undefined && (mode !== "open" || lobby !== "open")) {
    throw usage(
      `where tokens are needed, say which there are: --token-file, or ${TOKENS_VARIABLE}`,
    );
  }
  const tokens = text === "" ? [] : knownTokens(parseTokens(text, TOKENS_VARIABLE));
  const trustedProxies = values["trusted-proxy"];
  for (const range of trustedProxies) {
    if (isAddressRange(range)) continue;
    throw usage(`--trusted-proxy takes an address or a range such as 10.0.0.0/8, not "${range}"`);
  }
  const publicUrl = values["public-url"];
  return {
    mode,
    lobby,
    tokens,
    trustedProxies,
    publicOrigin: publicUrl === undefined ? undefined : originOf("--public-url", publicUrl),
    origins: values.origin.map((given) => originOf("--origin", given)),
  };
}

/** As browsers write it. */
function originOf(option: string, given: string): string {
  const url = URL.parse(given.replace(/^ws(?=s?:)/i, "http"));
  // A host with a star in it is one to URLs, and would match nothing.
  const isOrigin = url !== null && url.href === `${url.origin}/` && !url.host.includes("*");
  if (isOrigin && /^https?:$/.test(url.protocol)) return url.origin;
  throw usage(`${option} takes a URL without a path such as https://relay.example, not "${given}"`);
}
