/** Senders and receivers that use the store of a relay against it, or against each other. */
import { describe, expect, test } from "bun:test";
import { mkdirSync } from "node:fs";
import { join } from "node:path";

import { encodeFrame } from "../../protocol/mod.ts";
import { startRelay } from "../../relay/mod.ts";
import { temporaryFolder } from "../support/disk.ts";
import { RawClient, randomId, rawShare } from "../support/relay/raw-client.ts";
import { PlayShare, RelayPlay } from "../support/relay/relay-play.ts";

import { expectFault } from "../support/relay/wire-checks.ts";

const RECORDS = 60;
const STORE = { life: 1000 };
const SENDER = 1;
const RECEIVER = 2;

describe("a sender", () => {
  test("that has other bytes for a stored record gives them to no receiver", async () => {
    const share = new PlayShare(7, { records: RECORDS, seekable: true });
    const play = new RelayPlay({ workers: 1, blocks: 100, hasStore: true });
    await play.send(0, SENDER, share, 0, STORE).settled();
    play.answer(0, SENDER, share);
    await play.settled();
    const stored = [...play.disk.files.values()].flatMap((file) => Array.from(file.keys()));
    expect(stored.length).toBeGreaterThan(0);
    expect(stored.length).toBeLessThan(RECORDS);
    const other = new Uint8Array(share.offer.recordSize).fill(99);
    const insist = (): void => {
      for (const index of stored) {
        const frame = encodeFrame(share.offer.share, index, false, other);
        play.hubs[0]?.message(SENDER, frame, play.now);
      }
    };
    play.onPost = insist;
    await play.join(0, RECEIVER, share).settled();
    for (let had = -1; had < play.got(0, RECEIVER).length;) {
      had = play.got(0, RECEIVER).length;
      await play.ack(0, RECEIVER, share, had).settled();
    }
    // The play throws when a receiver gets a wrong byte.
    expect(play.got(0, RECEIVER)).toEqual(stored);
  });

  test("that asks about stored shares without end is answered one question at a time", async () => {
    using place = temporaryFolder();
    const folder = join(place.path, "store");
    mkdirSync(folder, { mode: 0o700 });
    await using relay = await startRelay({ workers: 1, store: { kind: "disk", folder } });
    const { proof, offer } = rawShare(1);
    await using client = await RawClient.greeted(`${relay.url}/ws`, "sender", randomId());
    const question = { t: "inspect", share: offer.share, proof } as const;
    for (const t of ["inspect", "revoke"] as const) {
      client.send({ ...question, t });
      await client.when(t === "inspect" ? "inspected" : "revoked");
    }
    client.send(question);
    client.send(question);
    await expectFault(client, "bad-message");
  });
});
