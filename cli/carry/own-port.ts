/** The port of a carried relay: the wanted one, else any that is free. */
import { FaultError } from "../../protocol/wire/faults.ts";
import { RELAY_PORT } from "../connection/relay-choice.ts";
import { answers } from "../connection/relay-address.ts";

const NO_DATA = { data: () => undefined };
/** All addresses of IPv6, and of IPv4 with them. A machine without IPv6 has the second alone. */
const ALL_HOSTS = ["::", "0.0.0.0"] as const;

/** A place where the relay listens, on all interfaces. */
export interface OwnPort {
  readonly hostname: string;
  readonly port: number;
  /** The port that was wanted and that another program has. */
  readonly taken: number | undefined;
}

export interface PortWish {
  /** The only port to take; undefined: any port. */
  readonly exact: number | undefined;
  /** Of any, the one at which receivers look: that of an earlier run, or the usual one. */
  readonly wanted?: number | undefined;
}

/** @throws FaultError "port-in-use", "port-not-allowed", "cannot-listen" */
export async function ownPort({ exact, wanted = RELAY_PORT }: PortWish): Promise<OwnPort> {
  if (exact !== undefined) {
    const own = await tryPort(exact);
    if (own === "taken") throw new FaultError("port-in-use", `${exact}`);
    return { ...own, taken: undefined };
  }
  const own = await tryPort(wanted);
  if (own !== "taken") return { ...own, taken: undefined };
  const free = await tryPort(0);
  if (free === "taken") throw new FaultError("port-in-use", "all of them");
  return { ...free, taken: wanted };
}

/**
 * Finds out whether it can listen there, and lets go of it again. Some systems let it listen at all addresses beside a
 * program that listens at the loopback alone, which would get this command's own connection, so that one is asked.
 */
async function tryPort(port: number): Promise<Omit<OwnPort, "taken"> | "taken"> {
  if (port !== 0 && (await answers("127.0.0.1", port))) return "taken";
  let last: unknown;
  for (const hostname of ALL_HOSTS) {
    try {
      const held = Bun.listen({ hostname, port, socket: NO_DATA });
      const found = held.port;
      held.stop(true);
      return { hostname, port: found };
    } catch (error) {
      last = error;
      const said = Bun.inspect(error);
      if (said.includes("EADDRINUSE")) return "taken";
      if (said.includes("EACCES")) throw new FaultError("port-not-allowed", `${port}`);
    }
  }
  throw new FaultError("cannot-listen", `port ${port}`, { cause: last });
}
