/** A sender that PUTs the source to a URL, as `curl -T` does. */
import { runLoad, say, type Load } from "./child.ts";
import type { Plan } from "./contract.ts";
import { httpUrl } from "./http-url.ts";
import { openLine } from "./line.ts";
import { at } from "./pattern.ts";

/** bytes given to the socket at once */
const PIECE = 1024 * 1024;

async function start(plan: Plan): Promise<Load> {
  const { size } = plan;
  const url = httpUrl(plan);
  const { host, pathname, search } = url;
  let sent = -1; // nothing, not even the head
  let answer = "";
  let isOver = false;

  const done = (): void => {
    if (isOver) return;
    isOver = true;
    say({ t: "done", receivers: [], extra: {} });
  };
  const wrong = (what: string): void => {
    if (isOver) return;
    isOver = true;
    say({ t: "wrong", what: `the sender at ${sent}: ${what}` });
  };
  const pump = (): void => {
    while (sent >= 0 && sent < size) {
      if (isOver) return;
      const piece = at(sent, Math.min(PIECE, size - sent));
      const written = socket.write(piece);
      sent += Math.max(0, written);
      if (written < piece.length) return;
    }
  };

  const socket = await openLine(url, {
    drained: pump,
    data(bytes) {
      answer = (answer + bytes.toString("latin1")).slice(-4096);
      if (/^HTTP\/1\.1 [345]|\[ERROR\][^\r\n]*/.test(answer)) wrong(answer);
      else if (sent >= size && answer.endsWith("\r\n0\r\n\r\n")) done();
    },
    closed: (why) => (sent >= size ? done() : wrong(why)),
  });
  say({ t: "ready" });
  return {
    go() {
      const head = `PUT ${pathname}${search} HTTP/1.1\r\nHost: ${host}\r\nContent-Length: ${size}\r\n\r\n`;
      if (socket.write(head) !== head.length) wrong("no request could be written");
      sent = 0;
      pump();
    },
    // Not before: Piping Server ends the receivers of a sender that leaves, with what they still lack.
    stop() {
      done();
      socket.terminate();
    },
  };
}

await runLoad(start);
