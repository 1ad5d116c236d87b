/**
 * The options about a relay that `send` or `recv` starts, and the relay that comes of them. `run-send.ts` and `run-recv.ts`
 * call this before the client starts.
 */
import { isLobby, type Code } from "../../protocol/code/code.ts";
import type { RelayToUse } from "../carry/relay-or-carry.ts";
import { isTyped, usage } from "../arguments/command-line.ts";
import { parseWhole } from "../arguments/values.ts";
import type { RelayChoice } from "../connection/relay-choice.ts";
import type { Call } from "./command.ts";

const PORT_MOST = 65_535;

export interface CarryValues {
  readonly carry: boolean;
  readonly "no-carry"?: boolean;
  readonly port: string | undefined;
  readonly addresses: boolean;
  readonly store?: boolean;
}

/** The options of a relay that a command carries. */
export interface CarryOptions {
  /** `--no-carry` */
  readonly refuses: boolean;
  /** Start one, whatever else is there. */
  readonly insists: boolean;
  /** Exactly that; undefined: a wanted one, or a free one. */
  readonly port: number | undefined;
  /** Of a configuration, which may mean another command: another port will do. */
  readonly wanted: number | undefined;
  /** The share is to be stored, which a relay of this command can't do. */
  readonly stores: boolean;
}

/** @throws FaultError "usage" */
export function carryOptions(values: CarryValues, { raw, routeOf }: Call): CarryOptions {
  const typed = (option: string): boolean => isTyped(raw, option);
  const hasPort = routeOf("port") === "option";
  // The parser of arguments takes --no-carry for the contrary of a switch. The command line counts before a configuration.
  const refuses =
    typed("no-carry") || ((values["no-carry"] ?? false) && !typed("carry") && !hasPort);
  const carries = typed("carry") || (values.carry && !typed("no-carry") && !typed("relay"));
  const insists = carries || hasPort;
  const option = carries ? "--carry" : "--port";
  if (insists && refuses) throw usage(`give either ${option} or --no-carry`);
  if (insists && typed("relay")) {
    throw usage(`${option} is for a relay that this command starts; leave out --relay`);
  }
  const port =
    values.port === undefined ? undefined : parseWhole("--port", values.port, 0, PORT_MOST);
  return {
    refuses,
    insists,
    port: hasPort ? port : undefined,
    wanted: hasPort ? undefined : port,
    stores: values.store ?? false,
  };
}

/**
 * The relay of the command, started if need be.
 * @param isShared others have the code already
 * @throws FaultError as `relayOrCarry`
 */
export async function relayFor(
  named: RelayChoice,
  code: Code,
  isShared: boolean,
  options: CarryOptions,
): Promise<RelayToUse> {
  const isNamed = named.route !== "this-machine" && named.route !== "carried";
  if (options.refuses || (isNamed && !options.insists)) return { relay: named };
  const { relayOrCarry } = await import("../carry/relay-or-carry.ts");
  return relayOrCarry({ ...options, named, code, isShared: isShared || isLobby(code) });
}
