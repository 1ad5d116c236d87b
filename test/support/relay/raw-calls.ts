/** Sockets as the kernel has them: two connections from one port, which no library makes. */
import { dlopen, ptr } from "bun:ffi";

const AF_INET = 2;
const SOCK_STREAM = 1;
const SOL_SOCKET = 1;
const SO_REUSEADDR = 2;
const MSG_PEEK = 0x02;
const MSG_DONTWAIT = 0x40;
/** sizeof(struct sockaddr_in). bytes */
const ADDRESS_BYTES = 16;

const symbols = {
  socket: { args: ["i32", "i32", "i32"], returns: "i32" },
  setsockopt: { args: ["i32", "i32", "i32", "ptr", "u32"], returns: "i32" },
  bind: { args: ["i32", "ptr", "u32"], returns: "i32" },
  connect: { args: ["i32", "ptr", "u32"], returns: "i32" },
  getsockname: { args: ["i32", "ptr", "ptr"], returns: "i32" },
  recv: { args: ["i32", "ptr", "u64", "i32"], returns: "i32" },
  close: { args: ["i32"], returns: "i32" },
} as const;

/** GNU/Linux only. */
export class RawCalls implements Disposable {
  readonly #library = dlopen("libc.so.6", symbols).symbols;
  readonly #open: number[] = [];

  /** @param from port of 127.0.0.1; 0: whichever is free */
  connect(from: number, to: number): number {
    const { socket, setsockopt, bind, connect } = this.#library;
    const descriptor = socket(AF_INET, SOCK_STREAM, 0);
    this.#open.push(descriptor);
    const yes = new Int32Array([1]);
    const done = [
      setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, ptr(yes), 4),
      bind(descriptor, ptr(loopback(from)), ADDRESS_BYTES),
      connect(descriptor, ptr(loopback(to)), ADDRESS_BYTES),
    ];
    if (done.some((result) => result !== 0)) throw new Error(`no connection: ${done.join(" ")}`);
    return descriptor;
  }

  /** Its own. */
  portOf(descriptor: number): number {
    const address = new Uint8Array(ADDRESS_BYTES);
    const length = new Uint32Array([ADDRESS_BYTES]);
    this.#library.getsockname(descriptor, ptr(address), ptr(length));
    return new DataView(address.buffer).getUint16(2);
  }

  /** Takes what has come. @returns bytes; below 0: none */
  waiting(descriptor: number): number {
    const bytes = new Uint8Array(64);
    return this.#library.recv(descriptor, ptr(bytes), bytes.length, MSG_DONTWAIT);
  }

  /** Whether something has come that its owner has not read. */
  isUnread(descriptor: number): boolean {
    const byte = new Uint8Array(1);
    return this.#library.recv(descriptor, ptr(byte), 1, MSG_PEEK | MSG_DONTWAIT) > 0;
  }

  [Symbol.dispose](): void {
    for (const descriptor of this.#open) this.#library.close(descriptor);
  }
}

function loopback(port: number): Uint8Array {
  const address = new Uint8Array(ADDRESS_BYTES);
  address[0] = AF_INET;
  new DataView(address.buffer).setUint16(2, port);
  address.set([127, 0, 0, 1], 4);
  return address;
}
