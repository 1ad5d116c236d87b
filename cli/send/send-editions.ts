/** A send from its search for files to its end, over all shares that it becomes as its files change. */
import { FAULTS, FaultError, isLobby } from "../../protocol/mod.ts";

import { endShare } from "./end-earlier-share.ts";
import type { ClientEvent } from "../job/event-schema.ts";
import type { Outcome, SendJob } from "../job/jobs.ts";
import { Sending, type Carried, type Ended } from "./sending.ts";
import { nextShare, openShare, type OpenShare } from "./open-share.ts";
import { type Source } from "./source.ts";
import { openSource, type SourceOptions } from "./open-source.ts";

export class SendEditions {
  readonly #job: SendJob;
  readonly #master: Promise<string>;
  readonly #emit: (event: ClientEvent) => void;
  readonly #end: (outcome: Outcome) => void;
  /** Ends the search for what to send. */
  readonly #interrupted = new AbortController();
  #current: Sending | undefined;

  /** @param master of the job's code, in hex; it may come later than the job */
  constructor(
    job: SendJob,
    master: Promise<string>,
    emit: (event: ClientEvent) => void,
    end: (outcome: Outcome) => void,
  ) {
    this.#job = job;
    this.#master = master;
    this.#emit = emit;
    this.#end = end;
  }

  /** @throws what is no fault of the table */
  async run(): Promise<void> {
    try {
      const { signal } = this.#interrupted;
      const open = (options: SourceOptions): Promise<Source> => this.#open(options);
      let opened = await openShare(this.#job, this.#master, open, this.#emit, signal);
      let carried: Carried | undefined;
      for (;;) {
        const { offered } = opened.past ?? {};
        if (offered !== undefined) await endShare(this.#job, offered, signal);
        const ended = await this.#send(opened, carried);
        if ("outcome" in ended) {
          this.#end(ended.outcome);
          return;
        }
        ({ next: opened, carried } = ended);
      }
    } catch (error) {
      if (!(error instanceof FaultError)) throw error;
      this.#emit({ event: "error", code: error.code, message: error.message });
      this.#end({ fault: error.code, exitCode: FAULTS[error.code].exitCode });
    }
  }

  admit(receiver: string, admit: boolean): void {
    this.#current?.admit(receiver, admit);
  }

  interrupt(): void {
    this.#interrupted.abort();
    this.#current?.interrupt();
  }

  #send(opened: OpenShare, carried: Carried | undefined): Promise<Ended> {
    return new Promise((end) => {
      const course = {
        next: (moving: Parameters<typeof nextShare>[1]) =>
          nextShare(this.#job, moving, (options) => this.#open(options)),
        end,
      };
      this.#current = new Sending(this.#job, opened, this.#emit, course, carried);
      if (this.#interrupted.signal.aborted) this.#current.interrupt();
    });
  }

  #open(options: SourceOptions): Promise<Source> {
    // The relay gives browsers and curl a share of the lobby as it comes: they can't be told later. A
    // stored share has no sender that could offer it anew.
    const { strict: asked, store, code } = this.#job;
    const strict = asked === true || store !== undefined || isLobby(code);
    return openSource(this.#job.what, this.#interrupted.signal, { ...options, strict });
  }
}
