/**
 * Sends that a reload interrupted, for the screen that offers to go on with them. The page goes on
 * with the same share, so its receivers keep what they have. It needs the same files: by the handles
 * that the browser kept, or chosen once more by the person.
 */
import { decodeHead, type ManifestFile } from "../../protocol/content/manifest.ts";
import { quoted } from "../../protocol/wire/display.ts";
import { FaultError } from "../../protocol/wire/faults.ts";
import { KeptSends, type KeptSend } from "../browser/kept-sends.ts";
import { oneEnds, runningSends } from "../browser/running-sends.ts";
import { theStore, type Store } from "../browser/store.ts";
import type { ChosenFile, SendJob } from "../job/send-messages.ts";
import { handlesFor, isGranted } from "./file-handles.ts";
import { handleNode, walk } from "./file-tree.ts";

export type UnfinishedSend = Pick<
  KeptSend,
  "share" | "kind" | "name" | "files" | "bytes" | "since"
>;

/** A send that goes on; the page adds what it knows of the relay. */
export type ResumedSend = Omit<SendJob, "t" | "relay" | "token"> & { readonly resume: string };

export type Reopened =
  | { readonly is: "ready"; readonly send: ResumedSend }
  /** The person has to choose the files: a folder, or single files. `sentence` says why. */
  | { readonly is: "choose"; readonly folder: boolean; readonly sentence: string }
  /** The page keeps no part of it any more. */
  | { readonly is: "gone" };

export class UnfinishedSends {
  readonly #kept: KeptSends;

  constructor(store: Store = theStore()) {
    this.#kept = new KeptSends(store);
  }

  /** Sends that run in no tab, the newest first; none where the browser stores nothing. */
  async list(): Promise<readonly UnfinishedSend[]> {
    try {
      const [kept, running] = await Promise.all([this.#kept.list(), runningSends()]);
      return kept.filter(({ share }) => !running.has(share));
    } catch {
      return [];
    }
  }

  /** The kept sends that run in another tab, or whose tab the browser has not ended yet; none where it stores nothing. */
  async running(): Promise<readonly string[]> {
    try {
      const [kept, running] = await Promise.all([this.#kept.list(), runningSends()]);
      return kept.flatMap(({ share }) => (running.has(share) ? [share] : []));
    } catch {
      return [];
    }
  }

  /** Waits until one of the running ones has ended, or the signal ends the waiting. */
  oneEnds(running: readonly string[], signal: AbortSignal): Promise<void> {
    return oneEnds(running, signal);
  }

  /**
   * Keeps the handles of a send that began. Other files have to be chosen again after a reload.
   * @param share as the event `code` names it
   */
  async remember(share: string, files: readonly ChosenFile[]): Promise<void> {
    const names = new Set(files.map(({ path }) => path.split("/", 1)[0] ?? ""));
    const handles = handlesFor(names);
    if (handles === undefined) return;
    // A browser that can't store them asks the person instead.
    await this.#kept.keepHandles(share, handles).catch(() => undefined);
  }

  /** Call it in the handler of a click: the browser may have to ask for the files. */
  async reopen(share: string): Promise<Reopened> {
    const [send, handles] = await Promise.all([this.#find(share), this.#handles(share)]);
    if (send === undefined) return { is: "gone" };
    if (send.kind === "text") return ready(send, { kind: "text", text: send.text ?? "" });
    if (handles === undefined) return await this.#choose(send, "Choose the same files again.");
    try {
      for (const handle of handles) {
        if (await isGranted(handle)) continue;
        const why = "The browser may not read the files. Choose them again.";
        return await this.#choose(send, why);
      }
      return await this.choose(share, await walk(handles.map(handleNode)));
    } catch (error) {
      const about = error instanceof FaultError ? ` ${error.detail ?? ""}` : "";
      return await this.#choose(
        send,
        `The browser could not read the files${about}. Choose them again.`,
      );
    }
  }

  /** The person chose these for the send. */
  async choose(share: string, files: readonly ChosenFile[]): Promise<Reopened> {
    const [send, head] = await Promise.all([this.#find(share), this.#kept.head(share)]);
    if (send === undefined || head === undefined) return { is: "gone" };
    const matched = match(decodeHead(head).files, files);
    if ("problem" in matched) return await this.#choose(send, matched.problem);
    return ready(send, { kind: "files", files: matched.files });
  }

  async forget(share: string): Promise<void> {
    await this.#kept.forget(share);
  }

  async #find(share: string): Promise<KeptSend | undefined> {
    return (await this.#kept.list()).find((send) => send.share === share);
  }

  async #handles(share: string): Promise<FileSystemHandle[] | undefined> {
    const handles = await this.#kept.handles(share);
    return Array.isArray(handles) ? (handles as FileSystemHandle[]) : undefined;
  }

  async #choose({ share }: KeptSend, sentence: string): Promise<Reopened> {
    const head = await this.#kept.head(share);
    const files = head === undefined ? [] : decodeHead(head).files;
    return { is: "choose", folder: files.some(({ path }) => path.includes("/")), sentence };
  }
}

function ready(send: KeptSend, content: SendJob["content"]): Reopened {
  const { share, code, receivers, stay, startWhen, ask, toStore } = send;
  const options = { receivers, stay, startWhen, ask, toStore };
  return { is: "ready", send: { content, code, ...options, resume: share } };
}

/** The chosen files in the order of the share, if they are what they were. */
function match(
  before: readonly ManifestFile[],
  chosen: readonly ChosenFile[],
): { readonly files: readonly ChosenFile[] } | { readonly problem: string } {
  const byPath = new Map(chosen.map((one) => [one.path, one]));
  const files: ChosenFile[] = [];
  for (const { path, type, size, mtime } of before) {
    const one = byPath.get(path);
    // Inputs name no empty folders.
    if (type === "folder") files.push({ path, file: undefined });
    else if (one?.file === undefined) {
      return {
        problem: `The file ${quoted(path)} is missing. Choose all files of the send again.`,
      };
    } else if (one.file.size !== size || one.file.lastModified !== mtime) {
      const sentence = `The file ${quoted(path)} changed since the send began, so that send cannot go on. Start a new send.`;
      return { problem: sentence };
    } else files.push(one);
  }
  return { files };
}
