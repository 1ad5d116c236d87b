/**
 * The commands about unfinished sends and receives: `list` shows them, newest first, `resume` runs the command again that
 * began one, and `forget` removes them. Sends are kept by `cli/send/kept-sends.ts`, receives by `cli/system/state.ts`; numbers
 * exist only here. A send that stops asks this file for the advice about `resume`.
 */
import { resolve } from "node:path";

import { forgetSend, isUnfinished, keptSends, type ListedSend } from "../send/kept-sends.ts";
import { keptReceives, unregisterReceive, type Dated, type KeptReceive } from "../system/state.ts";
import { usage, withoutOptions } from "../arguments/command-line.ts";
import { EXIT, FaultError } from "../../protocol/wire/faults.ts";
import { duration, percent, shown, size, count } from "../screen/format.ts";
import { jsonLine } from "../screen/json.ts";
import { notePlace } from "../system/state-place.ts";
import type { Call } from "./command.ts";
import type { ForgetValues, ListValues, ResumeValues } from "./local-commands.ts";
import { USUAL_RELAY, isSameRelay } from "../connection/relay-choice.ts";
import { ROUTES, type Route } from "../job/routes.ts";
import { reasonOf } from "../system/system-error.ts";

export type Unfinished =
  | { readonly kind: "send"; number: number; readonly kept: ListedSend }
  | { readonly kind: "receive"; number: number; readonly kept: Dated<KeptReceive> };

/** Numbered from 1. */
export function unfinished(): Unfinished[] {
  const sends = keptSends()
    .filter(isUnfinished)
    .map((kept): Unfinished => ({ kind: "send", kept, number: 0 }));
  const receives = keptReceives().map((kept): Unfinished => ({
    kind: "receive",
    kept,
    number: 0,
  }));
  const all = [...sends, ...receives].toSorted((a, b) => b.kept.at - a.kept.at);
  for (const [i, item] of all.entries()) item.number = i + 1;
  return all;
}

/**
 * The unfinished share that a number of the list means, or the beginning of a share's id.
 * @throws FaultError "usage" when it is none, or not one
 */
export function chosen(given: string): Unfinished {
  const all = unfinished();
  const found = all.filter(({ number, kept }) =>
    /^\d{1,3}$/.test(given) ? number === Number(given) : kept.share.startsWith(given.toLowerCase()),
  );
  const [only, ...more] = found;
  if (only !== undefined && more.length === 0) return only;
  if (more.length > 0) throw usage(`several shares start with ${given}`);
  throw usage(`nothing is unfinished under ${given}: ${whatIsThere(all)}`);
}

const NAMED = 5;

/** The choices, for the sentence about a choice that is none. */
export function whatIsThere(all: readonly Unfinished[]): string {
  if (all.length === 0) return "nothing is unfinished";
  const named = all.slice(0, NAMED).map((item) => {
    const runs = isResumable(item) ? "" : ", which runs";
    return `fileshare resume ${item.number} (${item.kind} ${item.kept.name}${runs})`;
  });
  const more = all.length > NAMED ? [`${all.length - NAMED} more in fileshare list`] : [];
  return [...named, ...more].join(", ");
}

/** A send that a process still runs can't be resumed. */
export function isResumable({ kind, kept }: Unfinished): boolean {
  return kind === "receive" || !kept.running;
}

/** The command that goes on with a send of this process; undefined: it is not remembered. */
export function resumeCommand(share: string): string | undefined {
  const all = unfinished().filter(isResumable);
  const own = all.find(({ kind, kept }) => kind === "send" && kept.share === share);
  if (own === undefined) return undefined;
  return all.length === 1 ? "fileshare resume" : `fileshare resume ${own.number}`;
}

/** @returns false when it runs, and stays */
export function forget({ kind, kept }: Unfinished): boolean {
  if (kind === "send") return forgetSend(kept.share);
  unregisterReceive(kept.share, kept.out);
  return true;
}

/** Names are of peers where it was received: escaped for people, as they are for programs. */
export function runList({ json }: ListValues): number {
  notePlace(process.env, { json });
  const all = unfinished();
  for (const item of all) process.stdout.write(json ? eventLine(item) : lines(item));
  if (all.length === 0 && !json) process.stderr.write("Nothing is unfinished\n");
  return EXIT.done;
}

function eventLine({ kind, number, kept }: Unfinished): string {
  const { share, code, relay, name, bytes, at } = kept;
  const more =
    kind === "send"
      ? { records: kept.records, sent: kept.sent, running: kept.running }
      : { out: kept.out };
  const since = new Date(at).toISOString();
  const about = { share, code, relay, name, bytes, since, ...more };
  return jsonLine({ event: "unfinished", number, kind, ...about });
}

function lines({ kind, number, kept }: Unfinished): string {
  const ago = duration(Math.max(0, (Date.now() - kept.at) / 1000));
  const state =
    kind === "send"
      ? `${percent(kept.sent, kept.records)} % uploaded${kept.running ? ", running" : ""}`
      : `into ${shown(kept.out)}`;
  const what = `${kind} ${shown(kept.name)} (${size(kept.bytes)})`;
  return `${number}  ${what}: ${state}, begun ${ago} ago\n   code ${kept.code}\n`;
}

/** A receiver's part of a file stays in its folder, as `.partial`. */
export function runForget({ number, all }: ForgetValues): number {
  if (all === (number !== undefined)) throw usage("give a number of fileshare list, or --all");
  const items = number === undefined ? unfinished() : [chosen(number)];
  const left = items.filter((item) => !forget(item));
  for (const { kept } of left) {
    process.stderr.write(`${shown(kept.name)} is being sent, and is not forgotten\n`);
  }
  process.stdout.write(`Forgot ${count(items.length - left.length, "share", "shares")}\n`);
  return left.length === 0 ? EXIT.done : EXIT.failed;
}

/**
 * Options that are not said again: `--share` and `--new` are about one run, the relay is the one that
 * was found then, and a token is written down nowhere.
 */
const NOT_AGAIN = ["share", "new", "relay", "token", "json"];

/** Runs the command once more that began it, where it was given. @returns its exit code */
export async function runResume(
  { number, ca, token, timeout, json }: ResumeValues,
  { registry }: Call,
): Promise<number> {
  const { commands } = registry;
  const item = number === undefined ? theOnlyOne() : chosen(number);
  if (!isResumable(item)) throw usage(`the send still runs; end it first with Ctrl-C`);
  const { kind, kept } = item;
  const [word = "", ...words] = kept.again.words;
  const load = Object.hasOwn(commands, word) ? commands[word] : undefined;
  if (load === undefined) throw new FaultError("internal", "what was kept names no command");
  // From where it is said now, and not from where the command was given then.
  const trusted = ca ?? (process.env["FILESHARE_CA"] || undefined);
  if (trusted !== undefined) process.env["FILESHARE_CA"] = resolve(trusted);
  try {
    process.chdir(kept.again.cwd);
  } catch (cause) {
    throw new FaultError("no-such-file", `${kept.again.cwd} (${reasonOf(cause)})`, { cause });
  }
  if (kind === "send") delete process.env["FILESHARE_CODE"];
  else process.env["FILESHARE_CODE"] = kept.code;
  const command = await load();
  // This run decides how the transfer is shown.
  const replaced = [
    ca === undefined ? [] : "ca",
    timeout === undefined ? [] : "timeout",
    json ? "quiet" : [],
  ].flat();
  const same = withoutOptions(words, command.args, [...NOT_AGAIN, ...replaced]);
  // Before a `--`, behind which no word is an option.
  const again = [
    ...(json ? ["--json"] : []),
    ...(kind === "send" ? [`--share=${kept.share}`] : []),
    ...(token === undefined ? [] : [`--token=${token}`]),
    ...(timeout === undefined ? [] : [`--timeout=${timeout}`]),
    ...same,
  ];
  return command.run(again, registry, { code: kept.code, ...relayOf(kept) });
}

/**
 * Earlier versions did not keep how the run came to its relay. One that was found in the network is looked for again: it
 * may be at another address by now.
 */
function relayOf(kept: Unfinished["kept"]): { relay: string; route: Route } {
  const { relay, further = [], route } = kept;
  if (route === "network") return { relay: USUAL_RELAY, route: "this-machine" };
  const untold = isSameRelay(relay, USUAL_RELAY) ? "this-machine" : "option";
  return {
    relay: [relay, ...further].join(","),
    route: ROUTES.find((one) => one === route) ?? untold,
  };
}

function theOnlyOne(): Unfinished {
  const all = unfinished();
  const [only, ...more] = all.filter(isResumable);
  if (only === undefined) {
    throw usage(all.length === 0 ? "nothing is unfinished" : `${whatIsThere(all)}; all of it runs`);
  }
  if (more.length === 0) return only;
  throw usage(`several transfers are unfinished: ${whatIsThere(all)}. Give a number`);
}
