/** A release for tests: its addresses, and a server of its files that can also fail in each way. */
import { mkdirSync, symlinkSync } from "node:fs";
import { join } from "node:path";

import type { Addresses } from "../../deploy/release.ts";

export const ADDRESSES: Addresses = {
  base: "https://releases.example/v{version}",
  homepage: "https://fileshare.example",
  maintainer: "Ada Lovelace <ada@example.org>",
};

/** The same for `bun run packages`. */
export const ADDRESS_OPTIONS: readonly string[] = [
  `--base=${ADDRESSES.base}`,
  `--homepage=${ADDRESSES.homepage}`,
  `--maintainer=${ADDRESSES.maintainer}`,
];

/** The server's answer for a path; bytes are its content. */
export type Answer = Uint8Array | "missing" | "cut" | "held";

export interface ReleaseServer extends Disposable {
  readonly base: string;
  /** By paths, such as `/v0.1.0/SHA256SUMS`. Others are missing. */
  readonly answers: Map<string, Answer>;
  readonly asked: string[];
  /** Resolves at the first request of a path that is held, and with the end of its connection. */
  readonly held: Promise<{ readonly gone: Promise<void> }>;
}

/** Bytes that a connection breaks off after, of twice as many. */
const CUT_BYTES = 20_000;

export function serveRelease(): ReleaseServer {
  const answers = new Map<string, Answer>();
  const asked: string[] = [];
  const { promise: held, resolve } = Promise.withResolvers<{ readonly gone: Promise<void> }>();
  const gone = Promise.withResolvers<void>();
  // Raw, because a server of HTTP never breaks its promise of a length.
  const server = Bun.listen<{ head: string }>({
    hostname: "127.0.0.1",
    port: 0,
    socket: {
      open(socket) {
        socket.data = { head: "" };
      },
      data(socket, bytes) {
        socket.data.head += bytes.toString("latin1");
        if (!socket.data.head.includes("\r\n\r\n")) return;
        const path = /^GET (\S+) /.exec(socket.data.head)?.[1] ?? "";
        asked.push(path);
        const answer = answers.get(path) ?? "missing";
        const head = (status: string, length: number): string =>
          `HTTP/1.1 ${status}\r\nContent-Length: ${length}\r\nConnection: close\r\n\r\n`;
        if (answer === "missing") return void socket.end(head("404 Not Found", 0));
        if (answer === "cut") {
          socket.write(head("200 OK", 2 * CUT_BYTES));
          return void socket.end(new Uint8Array(CUT_BYTES));
        }
        if (answer === "held") {
          socket.write(`${head("200 OK", 2 * CUT_BYTES)}begun`);
          return resolve({ gone: gone.promise });
        }
        socket.write(head("200 OK", answer.length));
        sendAll(socket, answer);
      },
      drain(socket) {
        pending.get(socket)?.();
      },
      close() {
        gone.resolve();
      },
    },
  });
  const pending = new Map<object, () => void>();
  const sendAll = (socket: Bun.Socket<{ head: string }>, bytes: Uint8Array): void => {
    let at = 0;
    const more = (): void => {
      at += Math.max(socket.write(bytes, at), 0);
      if (at < bytes.length) return;
      pending.delete(socket);
      socket.end();
    };
    pending.set(socket, more);
    more();
  };
  return {
    base: `http://127.0.0.1:${server.port}/v{version}`,
    answers,
    asked,
    held,
    [Symbol.dispose]: () => server.stop(true),
  };
}

/** A folder with these programs alone, for PATH. A pair gives another program that name. */
export function programs(
  folder: string,
  ...names: readonly (string | readonly [name: string, path: string])[]
): string {
  mkdirSync(folder, { recursive: true });
  for (const one of names) {
    const [name, path] = typeof one === "string" ? [one, Bun.which(one)] : one;
    if (path === null) throw new Error(`${name} is not on this machine.`);
    symlinkSync(path, join(folder, name));
  }
  return folder;
}
