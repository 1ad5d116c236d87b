/** Clients of the product in the thread of the test: many of them, where a thread for each is too much. */
import type { Client } from "../../../cli/library/client.ts";
import { masterBeside } from "../../../cli/job/job-keys.ts";
import type { ClientEvent } from "../../../cli/job/event-schema.ts";
import type { Job, Outcome } from "../../../cli/job/jobs.ts";
import { Receiving } from "../../../cli/receive/receiving.ts";
import { SendEditions } from "../../../cli/send/send-editions.ts";
import { Running } from "./clients.ts";

/** As the streaming thread does it, see cli/library/worker.ts. */
export async function runInline(job: Job): Promise<Running> {
  const events: ClientEvent[] = [];
  let news = Promise.withResolvers<void>();
  const { promise: outcome, resolve } = Promise.withResolvers<Outcome>();
  let ended = false;
  const wake = (): void => {
    news.resolve();
    news = Promise.withResolvers();
  };
  const emit = (event: ClientEvent): void => {
    events.push(event);
    wake();
  };
  const end = (how: Outcome): void => {
    ended = true;
    resolve(how);
    wake();
  };
  let running: SendEditions | Receiving;
  if (job.kind === "receive") {
    running = new Receiving(job, emit, end);
  } else {
    running = new SendEditions(job, masterBeside(job.code), emit, end);
    void running.run();
  }
  const client: Client = {
    answer: (share, answer) => {
      if (running instanceof Receiving) running.answer(share, answer);
    },
    admit: (receiver, admit) => {
      if (running instanceof SendEditions) running.admit(receiver, admit);
    },
    interrupt: () => running.interrupt(),
    outcome,
    async *[Symbol.asyncIterator]() {
      for (let at = 0; ; at++) {
        while (at >= events.length) {
          if (ended) return;
          await news.promise;
        }
        yield events[at]!;
      }
    },
  };
  return new Running(client);
}
