/** A sender of frames that nobody asks for: all of them, in order, as fast as the line takes them. */
import { encodeFrame } from "../../protocol/mod.ts";

import { runLoad, say } from "./child.ts";
import { frameShare, RECORD_BYTES, recordLength } from "./frame-share.ts";
import { at } from "./pattern.ts";
import { BINARY, LoadSocket } from "./socket.ts";

await runLoad(async ({ url, id, size }) => {
  const { url: address, offer } = frameShare(url, id, size);
  let index = 0;
  let isThrough = false;
  const socket: LoadSocket = await LoadSocket.connect(address, {
    piece: () => undefined,
    drained: pump,
    closed(why) {
      if (!isThrough) say({ t: "wrong", what: `the sender's line: ${why}` });
    },
  });

  function pump(): void {
    while (index < offer.records && socket.isFlushed) {
      const last = index === offer.records - 1;
      const header = encodeFrame(offer.share, index, last, new Uint8Array(0));
      socket.send(BINARY, header, at(index * RECORD_BYTES, recordLength(index, size)));
      index++;
    }
  }

  say({ t: "ready" });
  return {
    go: pump,
    stop() {
      isThrough = true;
      socket.terminate();
      say({ t: "done", receivers: [], extra: {} });
    },
  };
});
