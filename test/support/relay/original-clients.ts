/** The original app's clients, as its description has them. */
import { WAIT_MS } from "../patience.ts";

export interface ReceivedFile {
  readonly name: string;
  readonly bytes: Uint8Array;
}

/** Saves file after file, and says something now and then. */
export class OriginalReceiver implements AsyncDisposable {
  readonly files: ReceivedFile[] = [];
  readonly closed: Promise<number>;
  /** Bytes of the file at hand, undefined between files. */
  #parts: Uint8Array[] | undefined;
  #name = "";
  readonly #socket: WebSocket;
  readonly #waiting = new Set<() => void>();
  #isOver = false;

  private constructor(socket: WebSocket) {
    this.#socket = socket;
    socket.binaryType = "nodebuffer";
    socket.addEventListener("message", ({ data }: MessageEvent<string | Uint8Array>) => {
      this.#take(data);
      this.#wake();
    });
    this.closed = new Promise((resolve) => {
      socket.addEventListener("close", ({ code }) => {
        this.#isOver = true;
        resolve(code);
        this.#wake();
      });
    });
  }

  static async connect(url: string): Promise<OriginalReceiver> {
    const socket = new WebSocket(`${url}/receiver`);
    const receiver = new OriginalReceiver(socket);
    await opened(socket);
    socket.send("alive");
    return receiver;
  }

  /** Bytes of the file that is under way. */
  get taken(): number {
    return (this.#parts ?? []).reduce((sum, { length }) => sum + length, 0);
  }

  get isInFile(): boolean {
    return this.#parts !== undefined;
  }

  stopReading(): void {
    this.#socket.pause();
  }

  /** Resolves when that is so. @throws Error when the line ends before */
  async until(isSo: () => boolean): Promise<void> {
    while (!isSo()) {
      if (this.#isOver) throw new Error("the line ended");
      await new Promise<void>((resolve) => this.#waiting.add(resolve));
    }
  }

  async file(number: number): Promise<ReceivedFile> {
    await this.until(() => this.files.length > number);
    return this.files[number]!;
  }

  leave(): void {
    this.#socket.terminate();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#socket.terminate();
    await this.closed;
  }

  #take(data: string | Uint8Array): void {
    if (typeof data !== "string") {
      if (this.#parts === undefined) throw new Error("bytes outside of a file");
      this.#parts.push(data.slice());
    } else if (data.startsWith("START:")) {
      if (this.#parts !== undefined) throw new Error("a file within a file");
      this.#parts = [];
      this.#name = data.slice("START:".length);
    } else if (data === "END") {
      if (this.#parts === undefined) throw new Error("an end without a file");
      this.files.push({ name: this.#name, bytes: Buffer.concat(this.#parts) });
      this.#parts = undefined;
    } else {
      throw new Error(`an unknown text: ${data}`);
    }
  }

  #wake(): void {
    for (const wake of this.#waiting) wake();
    this.#waiting.clear();
  }
}

/** Sends a file in messages of so many bytes, and waits to be told of its success. */
export class OriginalSender implements AsyncDisposable {
  /** The relay's answer, or the code with which it closed the line. */
  readonly answer: Promise<string | number>;
  readonly #socket: WebSocket;

  private constructor(socket: WebSocket) {
    this.#socket = socket;
    this.answer = new Promise((resolve) => {
      socket.addEventListener("message", ({ data }: MessageEvent<string>) => resolve(data));
      socket.addEventListener("close", ({ code }) => resolve(code));
    });
  }

  static async connect(url: string): Promise<OriginalSender> {
    const socket = new WebSocket(`${url}/sender`);
    const sender = new OriginalSender(socket);
    await opened(socket);
    return sender;
  }

  name(name: string): void {
    this.#socket.send(name);
  }

  bytes(bytes: Uint8Array, messageBytes = 4096): void {
    for (let at = 0; at < bytes.length; at += messageBytes) {
      this.#socket.send(bytes.subarray(at, at + messageBytes));
    }
  }

  end(): void {
    this.#socket.send(new TextEncoder().encode("__end__"));
  }

  vanish(): void {
    this.#socket.terminate();
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.#socket.terminate();
    return Promise.resolve();
  }
}

/** The whole of what the original sender does. @returns what it was told at the end */
export async function originalSend(
  url: string,
  name: string,
  bytes: Uint8Array,
  messageBytes?: number,
): Promise<string | number> {
  await using sender = await OriginalSender.connect(url);
  sender.name(name);
  sender.bytes(bytes, messageBytes);
  sender.end();
  return await sender.answer;
}

function opened(socket: WebSocket): Promise<void> {
  return new Promise((resolve, reject) => {
    const late = setTimeout(() => reject(new Error("no line")), WAIT_MS);
    socket.addEventListener("open", () => {
      clearTimeout(late);
      resolve();
    });
    socket.addEventListener("close", () => reject(new Error("the line was refused")));
  });
}
