/** A sender of the real protocol that encrypts nothing, at a pace; counts what it is asked for again. */
import {
  decodeControl,
  encodeControl,
  encodeFrame,
  helloMessage,
  type Message,
} from "../../protocol/mod.ts";

import { runLoad, say, type Load } from "./child.ts";
import type { Plan } from "./contract.ts";
import { frameShare, RECORD_BYTES, recordLength } from "./frame-share.ts";
import { at } from "./pattern.ts";
import { BINARY, LoadSocket, type Piece } from "./socket.ts";
import { TokenBucket } from "./token-bucket.ts";

/** bytes that may follow at once on a pause: what a timer is late by on a busy machine is made up for */
const BURST_BYTES = 4 * RECORD_BYTES;
/** Longer than any run. */
const STORE = { life: 24 * 60 * 60 };

async function start({
  url,
  id,
  size,
  senderBytesPerSecond,
  isStored = false,
}: Plan): Promise<Load> {
  const share = frameShare(url, id, size);
  const { offer } = share;
  const wanted: { first: number; count: number }[] = [];
  const sent = new Uint8Array(offer.records);
  let recordsSent = 0;
  let recordsSentAgain = 0;
  let held: Uint8Array[] = [];
  let stopping = false;
  let acceptedAt = 0;
  let storedAfterMs: number | undefined;
  const pace =
    senderBytesPerSecond === undefined
      ? undefined
      : new TokenBucket(senderBytesPerSecond, BURST_BYTES, performance.now());
  /** Set while the pace lets no record go. */
  let pause: NodeJS.Timeout | undefined;
  let senderPauses = 0;

  const send = (message: Message): boolean => socket.send(BINARY, encodeControl(message));

  function pump(): void {
    let run = wanted[0];
    while (run !== undefined && socket.isFlushed && pause === undefined) {
      const index = run.first;
      const length = recordLength(index, size);
      const early = pace?.take(length, performance.now()) ?? 0;
      if (early > 0) {
        senderPauses++;
        pause = setTimeout(goOn, early);
        return;
      }
      run.first++;
      if (--run.count === 0) wanted.shift();
      run = wanted[0];
      recordsSent++;
      if (sent[index] === 1) recordsSentAgain++;
      sent[index] = 1;
      socket.send(BINARY, header(index), at(index * RECORD_BYTES, length));
    }
  }

  function goOn(): void {
    pause = undefined;
    pump();
  }

  function header(index: number): Uint8Array {
    const last = index === offer.records - 1;
    return encodeFrame(offer.share, index, last, new Uint8Array(0));
  }

  function take(message: Message): void {
    switch (message.t) {
      case "challenge":
        send(helloMessage(message, "sender", { signer: share.signer }));
        return;
      case "welcome":
        send({ t: "offer", ...offer, proof: share.proof, ...(isStored && { store: STORE }) });
        return;
      case "accepted":
        acceptedAt = performance.now();
        if (!isStored) say({ t: "ready" });
        return;
      case "stored":
        storedAfterMs = performance.now() - acceptedAt;
        leave();
        say({ t: "ready" });
        return;
      case "want":
        wanted.push({ first: message.first, count: message.count });
        pump();
        return;
      case "receipt":
        if (message.records !== offer.records) say({ t: "wrong", what: "a receipt too early" });
        send({ t: "receipted", share: offer.share, receiver: message.receiver });
        return;
      case "fault":
        say({ t: "wrong", what: `the relay told the sender ${message.code}: ${message.message}` });
        return;
      case "cancel":
        say({ t: "wrong", what: `the relay ended the share: ${message.reason}` });
        return;
      default:
    }
  }

  function leave(): void {
    stopping = true;
    clearTimeout(pause);
    wanted.length = 0;
    send({ t: "end", share: offer.share });
    socket.leave();
  }

  // Its first message comes before `connect` resolves.
  let socket!: LoadSocket;
  await LoadSocket.connect(share.url, {
    piece({ bytes, last }: Piece, self) {
      socket = self;
      held.push(bytes.slice());
      if (!last) return;
      const whole = held.length === 1 ? held[0]! : Buffer.concat(held);
      held = [];
      take(decodeControl(whole, "relay-to-sender"));
    },
    drained: pump,
    closed(why) {
      if (!stopping) say({ t: "wrong", what: `the sender's line: ${why}` });
    },
  });
  return {
    go: () => undefined,
    stop() {
      if (!stopping) leave();
      const storing: Record<string, number> = storedAfterMs === undefined ? {} : { storedAfterMs };
      const extra = { recordsSent, recordsSentAgain, ...storing };
      const paced = pace === undefined ? extra : { ...extra, senderPauses };
      say({ t: "done", receivers: [], extra: paced });
    },
  };
}

await runLoad(start);
