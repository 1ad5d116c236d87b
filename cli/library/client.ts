import { FAULTS, faultMessage } from "../../protocol/wire/faults.ts";
import { workerScript } from "../../relay/system/binary.ts";

import { startThread } from "../system/runtime.ts";
import type { ClientEvent } from "../job/event-schema.ts";
import { masterBeside } from "../job/job-keys.ts";
import type { Answer, Job, Outcome } from "../job/jobs.ts";

/** From the screen's thread to the streaming thread, and back. */
export type ToThread =
  | { readonly t: "start"; readonly job: Job }
  /** The master key of the job's code, in hex, if the job came without it. */
  | { readonly t: "master"; readonly master: string }
  | { readonly t: "answer"; readonly share: string; readonly answer: Answer }
  | { readonly t: "admit"; readonly receiver: string; readonly admit: boolean }
  | { readonly t: "interrupt" };
export type FromThread =
  | { readonly t: "event"; readonly event: ClientEvent }
  | { readonly t: "ended"; readonly outcome: Outcome };

/** A send or a receive that runs in a thread of its own. */
export interface Client extends AsyncIterable<ClientEvent> {
  /** Answers an `offer` whose `question` is true. */
  answer(share: string, answer: Answer): void;
  /** Answers an `asks`: whether that receiver, by its id, may have the share. */
  admit(receiver: string, admit: boolean): void;
  /** Tells the other side, keeps what is needed to resume, and ends; safe to call twice. */
  interrupt(): void;
  /** Settles when the thread has ended; never rejects. */
  readonly outcome: Promise<Outcome>;
}

/** Starts a job. Its events are kept until they are read; progress is limited at its source. */
export function startClient(job: Job): Client {
  // Said, or it would be the environment that this process began with.
  const env = process.env as Record<string, string>;
  const events: ClientEvent[] = [];
  let wake = (): void => undefined;
  let ended = false;

  // The slowest step of a small transfer: it runs while the thread starts and looks at the files.
  const master = job.master === undefined ? masterBeside(job.code) : undefined;
  const { promise: outcome, resolve } = Promise.withResolvers<Outcome>();
  const end = (result: Outcome): void => {
    if (ended) return;
    ended = true;
    thread.terminate();
    resolve(result);
    wake();
  };
  const failed = (detail: string): void => {
    if (ended) return;
    const message = faultMessage("internal", detail);
    events.push({ event: "error", code: "internal", message });
    end({ fault: "internal", exitCode: FAULTS.internal.exitCode });
  };
  const thread = startThread(threadScript(), env, {
    message: (data) => {
      const told = data as FromThread;
      if (told.t === "ended") {
        end(told.outcome);
        return;
      }
      events.push(told.event);
      wake();
    },
    failed,
    closed: () => failed("the streaming thread ended"),
  });

  const post = (message: ToThread): void => {
    if (!ended) thread.post(message);
  };
  post({ t: "start", job });
  master?.then(
    (text) => post({ t: "master", master: text }),
    (error: unknown) => failed(error instanceof Error ? error.message : String(error)),
  );

  return {
    answer: (share, answer) => post({ t: "answer", share, answer }),
    admit: (receiver, admit) => post({ t: "admit", receiver, admit }),
    interrupt: () => post({ t: "interrupt" }),
    outcome,
    async *[Symbol.asyncIterator]() {
      for (;;) {
        for (let event = events.shift(); event !== undefined; event = events.shift()) yield event;
        if (ended) return;
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
    },
  };
}

function threadScript(): string {
  return workerScript("cli/library/worker.ts", new URL("./worker.ts", import.meta.url));
}
