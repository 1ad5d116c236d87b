/** Receivers of the original app: `START:<name>`, binary messages, `END`. */
import { runLoad, say } from "./child.ts";
import type { Group, Plan } from "./contract.ts";
import { Crowd, newTally, type Member, type Tally } from "./crowd.ts";
import { matches } from "./pattern.ts";
import { LoadSocket, TEXT, type Piece } from "./socket.ts";
import { Throttle } from "./throttle.ts";

class TextReceiver implements Member {
  readonly tally: Tally;
  readonly group: number;
  readonly #plan: Plan;
  readonly #crowd: Crowd;
  readonly #throttle: Throttle;
  #socket: LoadSocket | undefined;
  /** Of a text message that is not whole yet. */
  #text = "";
  #isOpen = false;
  /** Bytes that came of the file; the last of them count once its `END` came. */
  #offset = 0;

  constructor(plan: Plan, crowd: Crowd, group: Group, groupIndex: number, number: number) {
    if (group.kind === "late" || group.kind === "churning") {
      throw new Error("the original app has only receivers that are there from the start");
    }
    this.#plan = plan;
    this.#crowd = crowd;
    this.#throttle = new Throttle(group);
    this.group = groupIndex;
    this.tally = newTally(group.kind, number);
  }

  async prepare(): Promise<void> {
    this.#socket = await LoadSocket.connect(`${this.#plan.url}/receiver`, {
      piece: (piece) => this.#take(piece),
      closed: (why) => this.#wrong(why),
    });
  }

  start(): void {
    if (this.#socket !== undefined) this.#throttle.took(0, this.#socket);
  }

  leave(): void {
    this.#socket?.leave();
  }

  #take(piece: Piece): void {
    if (piece.opcode !== TEXT) this.#takeBytes(piece.bytes);
    else {
      this.#text += Buffer.from(piece.bytes).toString("utf8");
      if (!piece.last) return;
      this.#takeText(this.#text);
      this.#text = "";
    }
  }

  #takeText(text: string): void {
    const { id, size } = this.#plan;
    if (!this.#isOpen && text === `START:${id}`) {
      this.#isOpen = true;
    } else if (this.#isOpen && text === "END" && this.#offset === size) {
      this.#isOpen = false; // and it stays, as the original's do
      this.#crowd.took(this.tally, size - this.tally.bytes);
    } else {
      this.#wrong(`it was told ${text.slice(0, 200)}`);
    }
  }

  #takeBytes(bytes: Uint8Array): void {
    if (!this.#isOpen || this.#offset + bytes.length > this.#plan.size) {
      this.#wrong("bytes that are of no file");
    } else if (matches(bytes, this.#offset)) {
      this.#offset += bytes.length;
      if (this.#offset < this.#plan.size) this.#crowd.took(this.tally, bytes.length);
      if (this.#socket !== undefined) this.#throttle.took(bytes.length, this.#socket);
    } else {
      this.#wrong(`a byte from ${this.#offset} on is wrong`);
    }
  }

  #wrong(what: string): void {
    this.#socket?.terminate();
    say({ t: "wrong", what: `a ${this.tally.kind} receiver at ${this.#offset}: ${what}` });
  }
}

await runLoad((plan) => {
  const crowd = new Crowd(plan);
  void crowd.gather(crowd.enlist((...which) => new TextReceiver(plan, crowd, ...which)));
  return crowd;
});
