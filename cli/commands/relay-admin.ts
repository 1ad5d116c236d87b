/** Where operators see and steer a relay, from the options of `fileshare relay`. */
import { FaultError } from "../../protocol/wire/faults.ts";
import { ADMIN_PORT } from "../../relay/limits/operator-limits.ts";
import { usage } from "../arguments/command-line.ts";

export interface AdminAddress {
  readonly hostname: string;
  readonly port: number;
  /** Whether it was asked for: else another port will do where that one is taken. */
  readonly isGiven: boolean;
}

const LOOPBACK = "127.0.0.1";

/**
 * @param relayPort a relay at a free port has its admin listener at one too
 * @returns undefined: nowhere
 * @throws FaultError "usage"
 */
export function adminAddress(
  given: string | undefined,
  relayPort: number,
): AdminAddress | undefined {
  if (given === "off") return undefined;
  if (given === undefined) {
    const port = relayPort === 0 ? 0 : ADMIN_PORT;
    return { hostname: LOOPBACK, port, isGiven: false };
  }
  const parts = /^(?:(\[[0-9a-f:.]+\]|[^\s:/?#@[\]]+):)?(\d{1,5})$/i.exec(given);
  const port = Number(parts?.[2]);
  if (parts === null || port > 65_535) {
    throw usage(`--admin takes an address such as 127.0.0.1:${ADMIN_PORT}, or off, not "${given}"`);
  }
  const host = parts[1] ?? LOOPBACK;
  return { hostname: host.startsWith("[") ? host.slice(1, -1) : host, port, isGiven: true };
}

/**
 * Starts at that address; where nobody asked for that very port and it is taken, at a free one.
 * @param takeOver asks whoever has it to leave, if it is a relay before this one. @returns whether it did
 */
export async function atAdminAddress<T>(
  address: AdminAddress | undefined,
  start: (admin: Omit<AdminAddress, "isGiven"> | undefined) => Promise<T>,
  takeOver: (port: number) => Promise<boolean>,
): Promise<T> {
  if (address === undefined) return start(undefined);
  const { hostname, port, isGiven } = address;
  try {
    return await start({ hostname, port });
  } catch (error) {
    const isTaken =
      error instanceof FaultError &&
      error.code === "port-in-use" &&
      error.detail?.startsWith("--admin") === true;
    if (!isTaken) throw error;
    if (await takeOver(port)) return start({ hostname, port });
    if (isGiven) throw error;
    return start({ hostname, port: 0 });
  }
}
