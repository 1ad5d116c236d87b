/** What `list` shows, `resume` goes on with and `forget` removes: sends and receives, newest first. */
import { forgetSend, keptSends, type ListedSend } from "../send/kept-sends.ts";
import { keptReceives, unregisterReceive, type Dated, type KeptReceive } from "../system/state.ts";
import { usage } from "../arguments/command-line.ts";

export type UnfinishedMessage =
  | { readonly kind: "send"; number: number; readonly kept: ListedSend }
  | { readonly kind: "receive"; number: number; readonly kept: Dated<KeptReceive> };

/** Numbered from 1. */
export function unfinished(): UnfinishedMessage[] {
  const sends = keptSends().map((kept): UnfinishedMessage => ({ kind: "send", kept, number: 0 }));
  const receives = keptReceives().map((kept): UnfinishedMessage => ({
    kind: "receive",
    kept,
    number: 0,
  }));
  const all = [...sends, ...receives].toSorted((a, b) => b.kept.at - a.kept.at);
  for (const [i, item] of all.entries()) item.number = i + 1;
  return all;
}

/**
 * The one that is meant by a number of the list, or the beginning of a share's id.
 * @throws FaultError "usage" when it is none, or not one
 */
export function chosen(given: string): UnfinishedMessage {
  const all = unfinished();
  const found = all.filter(({ number, kept }) =>
    /^\d{1,3}$/.test(given) ? number === Number(given) : kept.share.startsWith(given.toLowerCase()),
  );
  const [only, ...more] = found;
  if (only !== undefined && more.length === 0) return only;
  if (more.length > 0) throw usage(`${given} is the beginning of several shares`);
  throw usage(`there is nothing unfinished under ${given}: ${whatIsThere(all)}`);
}

/** Entries that a sentence names. */
const NAMED = 5;

/** The choices, for the sentence about a choice that is none. */
export function whatIsThere(all: readonly UnfinishedMessage[]): string {
  if (all.length === 0) return "nothing is unfinished";
  const named = all.slice(0, NAMED).map((item) => {
    const runs = isResumable(item) ? "" : ", which runs";
    return `fileshare resume ${item.number} (${item.kind} ${item.kept.name}${runs})`;
  });
  const more = all.length > NAMED ? [`${all.length - NAMED} more in fileshare list`] : [];
  return [...named, ...more].join(", ");
}

/** Not while a process sends it. */
export function isResumable({ kind, kept }: UnfinishedMessage): boolean {
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
export function forget({ kind, kept }: UnfinishedMessage): boolean {
  if (kind === "send") return forgetSend(kept.share);
  unregisterReceive(kept.share, kept.out);
  return true;
}
