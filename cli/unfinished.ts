/** What `list` shows, `resume` goes on with and `forget` removes: sends and receives, newest first. */
import { forgetSend, keptSends, type ListedSend } from "./kept-sends.ts";
import { keptReceives, unregisterReceive, type Dated, type KeptReceive } from "./state.ts";
import { usage } from "./args.ts";

export type Unfinished =
  | { readonly kind: "send"; number: number; readonly kept: ListedSend }
  | { readonly kind: "receive"; number: number; readonly kept: Dated<KeptReceive> };

/** Numbered from 1. */
export function unfinished(): Unfinished[] {
  const sends = keptSends().map((kept): Unfinished => ({ kind: "send", kept, number: 0 }));
  const receives = keptReceives().map((kept): Unfinished => ({ kind: "receive", kept, number: 0 }));
  const all = [...sends, ...receives].toSorted((a, b) => b.kept.at - a.kept.at);
  for (const [i, item] of all.entries()) item.number = i + 1;
  return all;
}

/**
 * The one that is meant by a number of the list, or the beginning of a share's id.
 * @throws FaultError "usage" when it is none, or not one
 */
export function chosen(given: string): Unfinished {
  const all = unfinished();
  const found = all.filter(({ number, kept }) =>
    /^\d{1,3}$/.test(given) ? number === Number(given) : kept.share.startsWith(given.toLowerCase()),
  );
  const [only, ...more] = found;
  if (only !== undefined && more.length === 0) return only;
  if (more.length > 0) throw usage(`${given} is the beginning of several shares`);
  throw usage(`there is nothing unfinished under ${given}; fileshare list shows what there is`);
}

/** @returns false when it runs, and stays */
export function forget({ kind, kept }: Unfinished): boolean {
  if (kind === "send") return forgetSend(kept.share);
  unregisterReceive(kept.share, kept.out);
  return true;
}
