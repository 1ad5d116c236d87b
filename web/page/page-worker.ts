/** The worker of one transfer, or of the lobby's list: its messages, its breaking and its end. */
import { workerAddress } from "../browser/page-addresses.ts";
import { whyBroken } from "./page-age.ts";

/** A worker that was told to stop says goodbye to the relay; then it is ended. ms */
const GOODBYE_MS = 2000;

export interface WorkerListeners<Said> {
  readonly onEvent: (event: Said) => void;
  /** The worker broke. `why` is a sentence; undefined: the reason is not known. */
  readonly onBroken: (why: string | undefined) => void;
}

export class PageWorker<Command, Said> {
  readonly #worker: Worker;

  /** @param name for the browser's tools */
  constructor(name: string, { onEvent, onBroken }: WorkerListeners<Said>) {
    this.#worker = new Worker(workerAddress(), { type: "module", name });
    this.#worker.addEventListener("message", ({ data }: MessageEvent<Said>) => onEvent(data));
    this.#worker.addEventListener("error", (event) => {
      event.preventDefault();
      void whyBroken().then(onBroken);
    });
  }

  post(command: Command): void {
    this.#worker.postMessage(command);
  }

  endAfterGoodbye(): void {
    setTimeout(() => this.end(), GOODBYE_MS);
  }

  end(): void {
    this.#worker.terminate();
  }
}
