import { baseName, type FaultCode, type ManifestFile } from "../../protocol/mod.ts";

import type { Limits } from "../relay-limits.ts";
import { LobbyReceiver } from "./lobby-receiver.ts";
import { TRY_AGAIN, type TextClient, type TextOptions, type TextSocket } from "./text-socket.ts";
import type { ClearSink } from "./unpacking.ts";
import { Unread } from "./unread.ts";

/** What senders see of its receivers; their addresses are nobody's business. */
const RECEIVER_NAME = "original app";

/** The original app's receiver: `START:name`, the bytes, `END`, file after file. */
export class TextReceiver implements TextClient, ClearSink {
  readonly #socket: TextSocket;
  readonly #receiver: LobbyReceiver;
  readonly #unread = new Unread();
  #isFull = false;
  #taken = 0;
  #isInFile = false;

  constructor(socket: TextSocket, options: TextOptions) {
    this.#socket = socket;
    this.#receiver = new LobbyReceiver({
      ...options,
      visitor: socket.data.visitor,
      sink: this,
      name: RECEIVER_NAME,
    });
  }

  get isFull(): boolean {
    return this.#isFull;
  }

  get taken(): number {
    return this.#taken;
  }

  overdue(limits: Limits, now: number): "unread-timeout" | undefined {
    return this.#unread.isLate(this, limits["unread-timeout"], now) ? "unread-timeout" : undefined;
  }

  wants(): "files" {
    return "files";
  }

  begin({ path }: ManifestFile): boolean {
    this.#isInFile = true;
    this.#send(`START:${baseName(path)}`);
    return true;
  }

  data(bytes: Uint8Array): void {
    this.#send(bytes);
  }

  end(): void {
    this.#isInFile = false;
    this.#send("END");
  }

  over(fault: FaultCode | undefined): void {
    // It knows no other way to hear that a file will not become whole.
    if (fault !== undefined && this.#isInFile) this.#socket.close(TRY_AGAIN, fault);
  }

  cutOff(fault: FaultCode): void {
    this.#socket.close(TRY_AGAIN, fault);
  }

  message(): void {
    // It says something now and then to keep its line.
  }

  tick(): void {
    this.#receiver.tick();
  }

  drained(): void {
    this.#isFull = false;
    this.#taken++;
    this.#receiver.drained();
  }

  closed(): void {
    this.#receiver.leave();
  }

  #send(message: string | Uint8Array): void {
    const sent =
      typeof message === "string"
        ? this.#socket.sendText(message)
        : this.#socket.sendBinary(message);
    if (sent < 0) this.#isFull = true;
    else if (sent === 0) this.#socket.terminate();
  }
}
