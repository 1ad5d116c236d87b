/** A sender of the original app: the file's name, binary messages of 4 KiB, `__end__`. */
import { utf8 } from "../../protocol/mod.ts";

import { runLoad, say, type Load } from "./child.ts";
import type { Plan } from "./contract.ts";
import { at } from "./pattern.ts";
import { BINARY, LoadSocket, TEXT, type Piece } from "./socket.ts";

/** bytes, the original's */
const CHUNK = 4096;
const SUCCESS = "File transfer successful";

async function start({ url, id, size }: Plan): Promise<Load> {
  let sent = -1; // nothing, not even the name
  let answer = "";
  let isOver = false;

  const done = (): void => {
    if (isOver) return;
    isOver = true;
    say({ t: "done", receivers: [], extra: {} });
    socket.terminate();
  };
  const wrong = (what: string): void => {
    if (isOver) return;
    isOver = true;
    say({ t: "wrong", what: `the sender at ${sent}: ${what}` });
  };
  const pump = (): void => {
    while (sent >= 0 && sent < size && socket.isFlushed) {
      const chunk = at(sent, Math.min(CHUNK, size - sent));
      socket.send(BINARY, chunk);
      sent += chunk.length;
      if (sent === size) socket.send(BINARY, utf8("__end__"));
    }
  };

  const socket = await LoadSocket.connect(`${url}/sender`, {
    drained: pump,
    piece({ bytes, last }: Piece) {
      answer += Buffer.from(bytes).toString("latin1");
      if (!last) return;
      if (answer === SUCCESS && sent === size) done();
      else wrong(`it was told ${answer.slice(0, 200)}`);
    },
    closed: wrong,
  });
  say({ t: "ready" });
  return {
    go() {
      socket.send(TEXT, utf8(id));
      sent = 0;
      pump();
    },
    stop: done,
  };
}

await runLoad(start);
