/** Receivers that GET a URL. Every byte of a body is compared. */
import type { Socket } from "bun";

import { runLoad, say } from "./child.ts";
import type { Group } from "./contract.ts";
import { Crowd, newTally, type Member, type Tally } from "./crowd.ts";
import { httpUrl } from "./http-url.ts";
import { openLine } from "./line.ts";
import { matches } from "./pattern.ts";
import { Throttle } from "./throttle.ts";

const HEAD_END = "\r\n\r\n";
/** bytes of a head that are waited for */
const HEAD_BYTES = 16 * 1024;

class HttpReceiver implements Member {
  readonly tally: Tally;
  readonly group: number;
  readonly #url: URL;
  readonly #size: number;
  readonly #crowd: Crowd;
  readonly #throttle: Throttle;
  #socket: Socket | undefined;
  /** The bytes of the head so far; undefined once it is read. */
  #head: Buffer | undefined = Buffer.alloc(0);
  #isOver = false;

  constructor(
    { url, size, crowd }: { readonly url: URL; readonly size: number; readonly crowd: Crowd },
    group: Group,
    groupIndex: number,
    number: number,
  ) {
    if (group.kind === "churning") throw new Error("no receiver over HTTP comes back");
    this.#url = url;
    this.#size = size;
    this.#crowd = crowd;
    this.#throttle = new Throttle(group);
    this.group = groupIndex;
    this.tally = newTally(group.kind, number);
  }

  async prepare(): Promise<void> {
    if (this.tally.kind === "late") return; // a server may not wait long for a request
    await this.#connect();
  }

  start(): void {
    if (this.#socket === undefined) void this.#connect().then(() => this.#request());
    else this.#request();
  }

  async #connect(): Promise<void> {
    this.#socket = await openLine(this.#url, {
      data: (bytes) => this.#take(bytes),
      closed: (why) => this.#wrong(why),
    });
  }

  leave(): void {
    this.#end();
  }

  #request(): void {
    const { host, pathname, search } = this.#url;
    const head = `GET ${pathname}${search} HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`;
    if (this.#socket?.write(head) !== head.length) this.#wrong("no request could be written");
    else this.#throttle.took(0, this.#socket);
  }

  #take(bytes: Buffer): void {
    if (this.#isOver) return;
    const body = this.#head === undefined ? bytes : this.#readHead(this.#head, bytes);
    if (body === undefined || body.length === 0) return;
    const { tally } = this;
    if (tally.bytes + body.length > this.#size) {
      this.#wrong("more bytes than the source has");
    } else if (matches(body, tally.bytes)) {
      this.#crowd.took(tally, body.length);
      if (tally.doneAt === undefined) this.#throttle.took(body.length, this.#socket!);
      else this.#end();
    } else {
      this.#wrong(`a byte from ${tally.bytes} on is wrong`);
    }
  }

  /** @returns what follows the head; undefined while it is not whole, and when it is wrong */
  #readHead(before: Buffer, bytes: Buffer): Buffer | undefined {
    const all = Buffer.concat([before, bytes]);
    const end = all.indexOf(HEAD_END);
    if (end < 0) {
      this.#head = all;
      if (all.length > HEAD_BYTES) this.#wrong("its answer has no end of the head");
      return undefined;
    }
    this.#head = undefined;
    const head = all.toString("latin1", 0, end);
    const length = /\r\ncontent-length: *(\d+)/i.exec(head)?.[1];
    if (!head.startsWith("HTTP/1.1 200 ") || Number(length) !== this.#size) {
      this.#wrong(`the answer is ${head.split("\r\n")[0]}, with ${length ?? "no"} bytes`);
      return undefined;
    }
    return all.subarray(end + HEAD_END.length);
  }

  #wrong(what: string): void {
    if (this.#isOver) return;
    this.#end();
    say({ t: "wrong", what: `a ${this.tally.kind} receiver at ${this.tally.bytes}: ${what}` });
  }

  #end(): void {
    this.#isOver = true;
    this.#socket?.terminate();
  }
}

await runLoad((plan) => {
  const crowd = new Crowd(plan);
  const common = { url: httpUrl(plan), size: plan.size, crowd };
  void crowd.gather(crowd.enlist((...which) => new HttpReceiver(common, ...which)));
  return crowd;
});
