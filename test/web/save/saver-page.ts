/**
 * The page of `test/e2e/web/save.test.ts`: it drives the real savers in a real browser. The origin's
 * private file system stands for the pickers, because headless browsers have none: its handles are real.
 */
import { FaultError } from "../../../protocol/wire/faults.ts";
import type { Offer } from "../../../web/job/receive-messages.ts";
import {
  forgetReceive,
  openSaver,
  reopenSaver,
  savingChoices,
  unfinishedReceives,
} from "../../../web/save/saving.ts";
import type { Saver, Way } from "../../../web/save/saver.ts";
import { takeShared } from "../../../web/browser/shared-files.ts";
import { contentOf, differenceAt } from "./content.ts";
import { offerOf } from "./offers.ts";

const PIECE_BYTES = 1024 ** 2;
const root = (): Promise<FileSystemDirectoryHandle> => navigator.storage.getDirectory();

Object.assign(globalThis, {
  showSaveFilePicker: async ({ suggestedName }: { readonly suggestedName: string }) =>
    (await root()).getFileHandle(suggestedName, { create: true }),
  showDirectoryPicker: async () => (await root()).getDirectoryHandle("chosen", { create: true }),
});

let saver: Saver | undefined;
let offer: Offer | undefined;

/** Gives the saver its content up to a position. */
async function feed(until: number): Promise<void> {
  let position = saver!.position + fed;
  let start = 0;
  for (const [file, { size }] of offer!.files.entries()) {
    const end = Math.min(start + size, until);
    while (position < end && position >= start) {
      const to = Math.min(position + PIECE_BYTES, end);
      await saver!.write(file, contentOf(file, position - start, to - start));
      fed += to - position;
      position = to;
    }
    start += size;
  }
}
let fed = 0;

/** The code of a fault; other errors are mistakes. */
async function faultOf(step: Promise<unknown>): Promise<string> {
  try {
    await step;
    return "none";
  } catch (error) {
    if (error instanceof FaultError) return error.code;
    throw error;
  }
}

const commands = {
  async ways(given: Offer): Promise<string[]> {
    return (await savingChoices(given)).map(({ way }) => way);
  },
  async open(way: Way, given: Offer): Promise<void> {
    const choice = (await savingChoices(given)).find((each) => each.way === way);
    if (choice === undefined) throw new Error(`This browser has no way ${way}.`);
    offer = given;
    fed = 0;
    saver = await openSaver(choice, given, { code: "code", relay: "wss://relay.example/ws" });
  },
  async reopen(): Promise<number> {
    const [one] = await unfinishedReceives();
    if (one === undefined) throw new Error("Nothing is unfinished.");
    offer = one.offer;
    fed = 0;
    saver = await reopenSaver(one);
    return saver.position;
  },
  feed: (until: number = offer!.bytes) => feed(until),
  feedFault: (until: number = offer!.bytes) => faultOf(feed(until)),
  finish: (unsound: readonly number[] = []) => saver!.finish(unsound),
  finishFault: (unsound: readonly number[] = []) => faultOf(saver!.finish(unsound)),
  abandon: () => saver!.abandon(),
  async unfinished(): Promise<string[]> {
    return (await unfinishedReceives()).map(({ share }) => share);
  },
  async forget(): Promise<void> {
    for (const one of await unfinishedReceives()) await forgetReceive(one);
  },
  /** All entries with their sizes; folders end with a slash. */
  async disk(): Promise<Record<string, number>> {
    const found: Record<string, number> = {};
    const walk = async (folder: FileSystemDirectoryHandle, path: string): Promise<void> => {
      for await (const [name, handle] of folder.entries()) {
        if (handle.kind === "directory") {
          found[`${path}${name}/`] = 0;
          await walk(handle, `${path}${name}/`);
        } else {
          found[path + name] = (await handle.getFile()).size;
        }
      }
    };
    await walk(await root(), "");
    return found;
  },
  /** Where a file on disk differs from what was offered; -1: nowhere. */
  async difference(path: string, file: number): Promise<number> {
    let folder = await root();
    const parts = path.split("/");
    const name = parts.pop()!;
    for (const part of parts) folder = await folder.getDirectoryHandle(part);
    const found = await (await folder.getFileHandle(name)).getFile();
    const bytes = new Uint8Array(await found.arrayBuffer());
    return differenceAt(bytes, contentOf(file, 0, bytes.length));
  },
  async clear(): Promise<void> {
    const folder = await root();
    for await (const name of folder.keys()) await folder.removeEntry(name, { recursive: true });
  },
  async put(path: string): Promise<void> {
    let folder = await root();
    const parts = path.split("/");
    const name = parts.pop()!;
    for (const part of parts) folder = await folder.getDirectoryHandle(part, { create: true });
    await folder.getFileHandle(name, { create: true });
  },
  /** Posts a form as another app does. The browser then loads the page anew. */
  async share(name: string, content: string, text: string): Promise<void> {
    await savingChoices(offerOf());
    const form = document.createElement("form");
    Object.assign(form, { method: "post", action: "./page/share", enctype: "multipart/form-data" });
    const files = new DataTransfer();
    files.items.add(new File([content], name));
    const input = Object.assign(document.createElement("input"), { type: "file", name: "files" });
    input.files = files.files;
    const words = Object.assign(document.createElement("input"), { name: "text", value: text });
    form.append(input, words);
    document.body.append(form);
    form.submit();
  },
  async shared(): Promise<readonly (string | undefined)[] | undefined> {
    const thing = await takeShared();
    if (thing === undefined) return undefined;
    const [file] = thing.files;
    return [thing.text, file?.name, await file?.text()];
  },
  /** Looks for a new version of the service worker. @returns the states that it went through */
  async update(): Promise<string> {
    const registration = await navigator.serviceWorker.getRegistration("./page/");
    const { promise, resolve } = Promise.withResolvers<string>();
    registration!.addEventListener("updatefound", () => {
      const worker = registration!.installing!;
      worker.addEventListener("statechange", () => {
        if (worker.state === "redundant" || worker.state === "activated") resolve(worker.state);
      });
    });
    await registration!.update();
    return promise;
  },
};

export type Commands = typeof commands;

Object.assign(globalThis, { savers: commands });
