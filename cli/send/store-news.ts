/**
 * The news of a relay about a share that it stores (`--store`): how much of it is durable, that an earlier run brought it so
 * far, and that the relay has all of it. This run tells of it in events, and notes a stored share in its list, because
 * only this machine can delete it. `Sending` owns it, hands it the effects of its session, and has it tell.
 */
import { toHex, type Code, type MessageOf, type StoredSeen } from "../../protocol/mod.ts";

import { PROGRESS_EVERY_MS } from "../job/event-pace.ts";
import type { ClientEvent } from "../job/event-schema.ts";
import type { SendJob } from "../job/jobs.ts";
import { storedText } from "../job/stored-text.ts";
import type { ResumeStore } from "./resume-store.ts";
import type { Source } from "./source.ts";
import { rememberStored } from "./stored-sends.ts";
import type { UploadProgress } from "./upload-progress.ts";

export interface StoredUpload {
  readonly job: SendJob;
  readonly code: Code;
  readonly share: Uint8Array;
  readonly proof: Uint8Array;
  readonly source: Source;
  /** Bytes of the content; 0 where nobody knows. */
  readonly size: number;
  readonly progress: UploadProgress;
  readonly resumeStore: ResumeStore;
  /** An earlier run stored it. */
  readonly wasStored: boolean;
  /** An earlier run began to store it, and the relay has not said yet how far that came. */
  readonly goesOn: boolean;
  readonly emit: (event: ClientEvent) => void;
}

export class StoreNews {
  readonly #upload: StoredUpload;
  /** As `StoredUpload.goesOn`, until the relay has said it. */
  #goesOn: boolean;
  #storingAt = -Infinity;
  /** The longest life of a share at this relay. s */
  #lifeMost = Infinity;
  /** Not told yet. */
  #stored: StoredSeen | undefined;

  constructor(upload: StoredUpload) {
    this.#upload = upload;
    this.#goesOn = upload.goesOn;
  }

  /** Whether the relay said that it has all, and `tell` did not tell it. */
  get isUntold(): boolean {
    return this.#stored !== undefined;
  }

  /** The relay greets, with its terms. */
  welcomed(terms: MessageOf<"welcome">["store"]): void {
    this.#lifeMost = terms?.life ?? Infinity;
  }

  /** So many records are durable at the relay. */
  storing(records: number): void {
    this.goOnFrom(records);
    const now = performance.now();
    if (now - this.#storingAt < PROGRESS_EVERY_MS) return;
    this.#storingAt = now;
    const { source, size, emit } = this.#upload;
    emit({ event: "storing", bytes: source.bytesBefore(records), size });
  }

  /** The first record that the relay wants, or its first word, tells how far an earlier run came. */
  goOnFrom(records: number): void {
    if (!this.#goesOn) return;
    this.#goesOn = false;
    const { source, size, progress, emit } = this.#upload;
    progress.begunAt(records);
    emit({ event: "resumed", bytes: source.bytesBefore(records), size });
  }

  /** The relay has all of it. A relay may say so more than once. */
  stored(stored: StoredSeen): void {
    this.#stored = stored;
  }

  /** Noted before it is told: only this machine can delete it. @param relay that has it */
  tell(relay: string): void {
    const stored = this.#stored;
    if (stored === undefined) return;
    this.#stored = undefined;
    const { job, code, share, proof, source, resumeStore, wasStored, emit } = this.#upload;
    const { records = 0, name } = source;
    this.goOnFrom(records);
    const told = storedText(stored);
    const until = Date.parse(told.until);
    resumeStore.stored(until);
    const { route } = job;
    const { downloads } = job.store ?? {};
    const bytes = source.bytesBefore(records);
    const ids = { share: toHex(share), proof: toHex(proof), code };
    const isNoted = rememberStored({ ...ids, relay, route, name, bytes, until, downloads });
    if (!isNoted) emit({ event: "unkept", share: ids.share });
    const again = wasStored && ({ again: true } as const);
    const lifeMost = this.#lifeMost;
    const isCut = (job.store?.life ?? 0) > lifeMost;
    emit({ event: "stored", ...told, ...again, ...(isCut && { lifeMost }) });
  }
}
