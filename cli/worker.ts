/** The streaming thread: socket, cipher and disk. The main thread keeps the screen. */
import { FAULTS, FaultError } from "../protocol/mod.ts";

import type { FromThread, ToThread } from "./client.ts";
import type { ClientEvent } from "./events.ts";
import type { Job, Outcome } from "./jobs.ts";
import { Receiving } from "./receiving.ts";
import { Sending } from "./sending.ts";

declare const self: Worker;

function post(message: FromThread): void {
  self.postMessage(message);
}

function start(job: Job): Sending | Receiving | undefined {
  const emit = (event: ClientEvent): void => post({ t: "event", event });
  const end = (outcome: Outcome): void => post({ t: "ended", outcome });
  try {
    return job.kind === "send" ? new Sending(job, emit, end) : new Receiving(job, emit, end);
  } catch (error) {
    if (!(error instanceof FaultError)) throw error;
    emit({ event: "error", code: error.code, message: error.message });
    end({ fault: error.code, exitCode: FAULTS[error.code].exitCode });
    return undefined;
  }
}

let running: Sending | Receiving | undefined;

self.addEventListener("message", ({ data }: MessageEvent<ToThread>) => {
  switch (data.t) {
    case "start":
      running = start(data.job);
      return;
    case "answer":
      if (running instanceof Receiving) running.answer(data.share, data.answer);
      return;
    case "interrupt":
      running?.interrupt();
      return;
  }
});
