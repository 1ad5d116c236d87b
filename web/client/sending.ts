/** One send in the page's worker. */
import type { SendCommand, SendEvent, SendJob } from "../job/send-messages.ts";

export class Sending {
  constructor(_job: SendJob, post: (event: SendEvent) => void) {
    post({ t: "end", verified: 0, failed: 0, fault: "internal" });
  }

  command(_command: SendCommand): void {}
}
