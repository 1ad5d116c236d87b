/** The entry of this room: opens savers, and goes on with receives of before. */
import { FaultError } from "../../protocol/wire/faults.ts";
import { abilities } from "../browser/abilities.ts";
import { mayWrite, mayWriteAlready, pickFile, pickFolder } from "../browser/file-system.ts";
import { serviceWorker } from "../browser/service-worker-client.ts";
import type { Offer } from "../job/receive-messages.ts";
import { choicesFor } from "./choices.ts";
import { DownloadSaver } from "./download-saver.ts";
import { discard, FileSaver } from "./file-saver.ts";
import { FolderSaver, removeKept } from "./folder-saver.ts";
import { MemorySaver } from "./memory-saver.ts";
import { downloadName } from "./names.ts";
import { saveFault } from "./save-fault.ts";
import type { Choice, Saver, UnfinishedReceive } from "./saver.ts";
import { heldReceives, Journal, KeptReceives } from "./unfinished.ts";

/** A picker that rejects sooner was never seen by a person: a headless browser has none. ms */
export const PICKER_LEAST_MS = 200;

/** The ways that this browser has for an offer, from the best to the last. */
export async function savingChoices(offer: Offer): Promise<readonly Choice[]> {
  return choicesFor(offer, await abilities());
}

/**
 * To be called in a click, because pickers need one.
 * @throws DOMException "AbortError" when the picker is closed; FaultError
 */
export async function openSaver(
  { way, name }: Choice,
  offer: Offer,
  { code, relay }: { readonly code: string; readonly relay: string },
): Promise<Saver> {
  const { share, receiver } = offer;
  const receive: UnfinishedReceive = {
    share,
    receiver,
    code,
    relay,
    offer,
    way,
    since: Date.now(),
  };
  switch (way) {
    case "folder":
      return FolderSaver.open(await pickFolder(), receive);
    case "file":
      return FileSaver.open(await pickFile(name ?? downloadName(offer.files)), receive);
    case "download": {
      const worker = await serviceWorker();
      if (worker === undefined) throw new FaultError("write-failed", "no service worker runs");
      return DownloadSaver.open(worker, offer);
    }
    case "memory":
      return new MemorySaver(offer);
  }
}

/** Receives that can go on here, the newest first, without those that a tab receives now. */
export async function unfinishedReceives(): Promise<readonly UnfinishedReceive[]> {
  try {
    const [kept, isHeld] = await Promise.all([new KeptReceives().list(), heldReceives()]);
    return kept.map(({ receive }) => receive).filter(({ share }) => !isHeld(share));
  } catch {
    // A browser without storage keeps none.
    return [];
  }
}

/**
 * A saver that goes on with what is on disk. To be called in a click: the browser may ask again.
 * @throws FaultError
 */
export async function reopenSaver({ share }: UnfinishedReceive): Promise<Saver> {
  try {
    const kept = await new KeptReceives().find(share);
    if (kept === undefined) throw new FaultError("write-failed", "nothing of it is here any more");
    const { place, receive, notes } = kept;
    if (!(await mayWrite(place.handle))) {
      throw new FaultError("write-failed", "the browser does not let this page write there");
    }
    const journal = await Journal.resume(share);
    if (journal === undefined) {
      throw new FaultError("write-failed", "another tab of this browser receives it now");
    }
    return place.way === "file"
      ? await FileSaver.reopen(place, receive.offer, notes.get(0), journal)
      : await FolderSaver.reopen(place, receive.offer, notes, journal);
  } catch (error) {
    throw saveFault(error);
  }
}

/** Forgets a receive, and removes its partial where the browser still lets this page do so. */
export async function forgetReceive({ share }: UnfinishedReceive): Promise<void> {
  const receives = new KeptReceives();
  try {
    const kept = await receives.find(share);
    if (kept === undefined) return;
    await receives.forget(share);
    const { place, receive } = kept;
    if (!(await mayWriteAlready(place.handle))) return;
    if (place.way === "file") await discard(place.handle);
    else await removeKept(place, receive.offer.files);
  } catch {
    // The partial stays, under a name that shows what it is.
  }
}
