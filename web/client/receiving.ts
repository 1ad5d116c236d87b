/** One receive in the page's worker. */
import type { ReceiveCommand, ReceiveEvent, ReceiveJob } from "../job/receive-messages.ts";

export type PostReceive = (event: ReceiveEvent, transfer?: Transferable[]) => void;

export class Receiving {
  constructor(_job: ReceiveJob, post: PostReceive) {
    post({ t: "end", fault: "internal" });
  }

  command(_command: ReceiveCommand): void {}
}
