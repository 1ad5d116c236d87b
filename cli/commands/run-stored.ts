/** `fileshare stored` lists the shares that this machine stored, and `fileshare revoke` deletes those of a code. */
import { EXIT } from "../../protocol/wire/faults.ts";
import { usage } from "../arguments/command-line.ts";
import { shownAddress } from "../connection/relay-address.ts";
import type { StoredShare } from "../job/command-events.ts";
import { count, moment, shown, size } from "../screen/format.ts";
import { jsonLine } from "../screen/json.ts";
import { revokeShares, storedShares, type StoreAccess } from "../send/stored-shares.ts";
import { onInterrupt } from "../system/interrupts.ts";
import { notePlace } from "../system/state-place.ts";
import { receiverCode } from "./code-input.ts";
import type { Call } from "./command.ts";
import type { RevokeValues, StoredValues } from "./local-commands.ts";

export async function runStored(values: StoredValues, call: Call): Promise<number> {
  notePlace(process.env, values);
  const all = await untilInterrupt((signal) => storedShares(accessOf(values, call), signal));
  for (const share of all) process.stdout.write(values.json ? jsonLine(share) : lines(share));
  if (all.length === 0 && !values.json)
    process.stderr.write("This machine remembers no stored share\n");
  return all.some(({ state }) => state === "away") ? EXIT.failed : EXIT.done;
}

/** Of all shares under the code, unless one is named. */
export async function runRevoke(values: RevokeValues, call: Call): Promise<number> {
  const { code: words, share = "", json } = values;
  if (share !== "" && !/^[0-9a-f]{4,32}$/.test(share)) {
    throw usage("--share takes the id of a share, or at least its first 4 digits");
  }
  const { code } = await receiverCode({ words, lobby: false, json });
  notePlace(process.env, values);
  const access = accessOf(values, call);
  const all = await untilInterrupt((signal) => revokeShares(code, share, access, signal));
  if (all.length === 0) {
    throw usage(
      "this machine has no stored share under that code; fileshare stored lists those that it has",
    );
  }
  let exitCode: number = EXIT.done;
  for (const revoked of all) {
    if ("fault" in revoked) {
      const { code, message, fault } = revoked.fault;
      exitCode = fault.exitCode;
      const about = `${shown(revoked.name)} was not deleted. ${shown(message)}`;
      if (json) process.stdout.write(jsonLine({ event: "error", code, message }));
      else process.stderr.write(`fileshare: ${about}\n`);
      continue;
    }
    const { name, relay, known } = revoked;
    const at = shown(shownAddress(relay));
    const said = known
      ? `Deleted ${shown(name)} at ${at}`
      : `${shown(name)} was not at ${at} any more`;
    process.stdout.write(json ? jsonLine(revoked) : `${said}\n`);
  }
  return exitCode;
}

function accessOf({ relay, ca, token }: StoredValues, { routeOf }: Call): StoreAccess {
  const isTyped = (option: string): boolean => routeOf(option) === "option";
  return { relay, only: isTyped("relay"), ca, token, forAll: isTyped("token") };
}

async function untilInterrupt<T>(run: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const stop = new AbortController();
  using _ = onInterrupt(() => stop.abort());
  return await run(stop.signal);
}

const STATES: Readonly<Record<StoredShare["state"], (until: string) => string>> = {
  stored: (until) => `stored until ${until}`,
  unfinished: () => "not all of it is stored; the same command goes on",
  "stored-expired": () => "expired",
  exhausted: () => "received as often as you allowed, and deleted",
  revoked: () => "deleted",
  unknown: () => "its relay has it no more",
  away: (until) => `stored until ${until}, as far as is known`,
};

/** The name is this user's own; the relay's words may be anything. */
function lines(share: StoredShare): string {
  const { name, bytes, state, until, code, relay, downloads, most } = share;
  const { receivers, unconfirmed, doubtful, message } = share;
  const parts = [
    receivers > 0 && count(receivers, "receiver has it", "receivers have it"),
    unconfirmed > 0 && `${count(unconfirmed, "download", "downloads")} unconfirmed`,
    doubtful > 0 && `${count(doubtful, "receipt does", "receipts do")} not verify`,
    most !== undefined && state === "stored" && `${downloads} of ${most} downloads used`,
  ];
  const said = [STATES[state](moment(until)), ...parts.filter(Boolean)].join(", ");
  const why = message === undefined ? "" : `   ${shown(message)}\n`;
  const where = shown(shownAddress(relay));
  return `${shown(name)} (${size(bytes)}): ${said}\n   code ${code}, at ${where}\n${why}`;
}
