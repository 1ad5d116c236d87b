/**
 * One receive in the page's worker. It stretches the code, then gives the keys and the page's commands
 * to the driver of the session.
 */
import { deriveKeys } from "../../protocol/crypto/keys.ts";
import { parseCode } from "../../protocol/code/code.ts";
import type { Primitives } from "../../protocol/crypto/crypto.ts";
import { FaultError } from "../../protocol/wire/faults.ts";
import type { ReceiveCommand, ReceiveJob } from "../job/receive-messages.ts";
import type { PostReceive } from "./delivery.ts";
import { asFault, pageMessage } from "./fault-texts.ts";
import { primitives as ofBrowser } from "./primitives.ts";
import { ReceiverDriver } from "./receiver-driver.ts";

export class Receiving {
  readonly #post: PostReceive;
  #driver: ReceiverDriver | undefined;
  #isStopped = false;

  /** @param primitives those of this browser unless given */
  constructor(job: ReceiveJob, post: PostReceive, primitives: Primitives = ofBrowser) {
    this.#post = post;
    this.#start(job, primitives).catch((error: unknown) => this.#fail(error));
  }

  command(command: ReceiveCommand): void {
    if (this.#driver !== undefined) this.#driver.command(command);
    // Before the keys are there the page can only stop.
    else if (command.t === "stop" && !this.#isStopped) {
      this.#isStopped = true;
      this.#fail(new FaultError("interrupted"));
    }
  }

  async #start(job: ReceiveJob, primitives: Primitives): Promise<void> {
    const keys = await deriveKeys(parseCode(job.code), primitives);
    if (this.#isStopped) return;
    this.#post({ t: "ready" });
    this.#driver = new ReceiverDriver(job, keys, primitives, this.#post);
  }

  #fail(error: unknown): void {
    const { code, detail } = asFault(error);
    this.#post({ t: "end", fault: code, message: pageMessage(code, detail) });
  }
}
