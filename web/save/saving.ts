/** The entry of this room: opens savers, and goes on with receives of before. */
import { FaultError } from "../../protocol/wire/faults.ts";
import { abilities } from "../browser/abilities.ts";
import { mayWrite, mayWriteAlready, pickFile, pickFolder } from "../browser/file-system.ts";
import { serviceWorker } from "../browser/service-worker-client.ts";
import type { Offer } from "../job/receive-messages.ts";
import { choicesFor } from "./choices.ts";
import { downloadName } from "./names.ts";
import { saveFault } from "./save-fault.ts";
import type { Choice, Saver, UnfinishedReceive } from "./saver.ts";
import { heldReceives, Journal, KeptReceives } from "./unfinished.ts";

/** The ways that this browser has for an offer, from the best to the last. */
export async function savingChoices(offer: Offer): Promise<readonly Choice[]> {
  const choices = choicesFor(offer, await abilities());
  // A click waits for none of them then. One that fails here is asked for again.
  await Promise.allSettled(choices.map(({ way }) => SAVERS[way]()));
  return choices;
}

/** Loaded with the first offer: the first screen needs none of them. */
const SAVERS = {
  folder: () => import("./folder-saver.ts"),
  file: () => import("./file-saver.ts"),
  download: () => import("./download-saver.ts"),
  memory: () => import("./memory-saver.ts"),
};

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
    case "folder": {
      // First, because a picker needs the click that this is called in.
      const folder = await pickFolder();
      const { FolderSaver } = await SAVERS.folder();
      return FolderSaver.open(folder, receive);
    }
    case "file": {
      const file = await pickFile(name ?? downloadName(offer.files));
      const { FileSaver } = await SAVERS.file();
      return FileSaver.open(file, receive);
    }
    case "download": {
      const { DownloadSaver } = await SAVERS.download();
      const worker = await serviceWorker();
      if (worker === undefined) throw new FaultError("write-failed", "no service worker runs");
      return DownloadSaver.open(worker, offer);
    }
    case "memory": {
      const { MemorySaver } = await SAVERS.memory();
      return new MemorySaver(offer, (await abilities()).memoryMost);
    }
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
    const { offer } = receive;
    if (place.way === "file") {
      const { FileSaver } = await SAVERS.file();
      return await FileSaver.reopen(place, offer, notes.get(0), journal);
    }
    const { FolderSaver } = await SAVERS.folder();
    return await FolderSaver.reopen(place, offer, notes, journal);
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
    if (place.way === "file") await (await SAVERS.file()).discard(place.handle);
    else await (await SAVERS.folder()).removeKept(place, receive.offer.files);
  } catch {
    // The partial stays, under a name that shows what it is.
  }
}
