/** Clients of a relay that drains while another one of its cluster can serve them. */
import { describe, expect, test } from "bun:test";

import { CREDIT_RECORDS } from "../../../protocol/mod.ts";
import { PlayShare, RelayPlay, range } from "../../support/relay/relay-play.ts";

const SENDER = 1;
const MOVES = 2;
const STAYS = 3;
const HTTP = -1;

function begun(): { play: RelayPlay; share: PlayShare } {
  const share = new PlayShare(1, { seekable: true });
  const play = new RelayPlay().send(0, SENDER, share);
  play.join(0, MOVES, share).join(1, STAYS, share).read(0, HTTP, share);
  for (const [worker, socket] of [
    [0, SENDER],
    [0, MOVES],
    [1, STAYS],
    [0, HTTP],
  ] as const) {
    play.told(worker, socket);
  }
  return { play, share };
}

describe("where the public name leads to another relay too", () => {
  test("the sender goes first, and then the receivers that came by that name", () => {
    const { play } = begun();
    play.named.add(SENDER).add(MOVES);
    play.drain("named");
    expect(play.told(0, SENDER)).toEqual(["fault going-away"]);
    expect(play.told(0, MOVES)).toEqual([]);
    play.close(0, SENDER).tick();
    expect(play.told(0, MOVES)).toEqual(["presence", "fault going-away"]);
    expect(play.told(1, STAYS)).toEqual(["presence"]);
    expect(play.told(0, HTTP)).toEqual(["presence"]);
  });

  test("no client goes without the sender", () => {
    const { play } = begun();
    play.named.add(MOVES).add(STAYS);
    play.drain("named").tick();
    for (const worker of [0, 1]) {
      for (const socket of [SENDER, MOVES, STAYS]) expect(play.told(worker, socket)).toEqual([]);
    }
  });
});

test("a client with one address alone stays where other relays have other names", () => {
  const { play } = begun();
  play.named.add(SENDER).add(MOVES);
  play.drain("known").tick();
  expect(play.told(0, SENDER)).toEqual([]);
});

test("a sender that can't read again goes when it still has all that its receivers lack", () => {
  const share = new PlayShare(1, { seekable: false });
  const play = new RelayPlay({ blocks: 128 }).send(0, SENDER, share);
  play.join(0, MOVES, share).join(1, STAYS, share).told(0, SENDER);
  play.named.add(SENDER);
  const take = (slow: number): number[] => {
    const asked: number[] = [];
    for (let more = true; more;) {
      const some = play.run(0, SENDER, share);
      asked.push(...some);
      const next = (play.got(0, MOVES).at(-1) ?? -1) + 1;
      play.ack(0, MOVES, share, next).ack(1, STAYS, share, slow);
      more = some.length > 0;
    }
    return asked;
  };
  const far = take(0).length;
  expect(far).toBeGreaterThan(2 * CREDIT_RECORDS);
  play.drain("named");
  expect(play.told(0, SENDER)).toEqual([]);
  // The slow one catches up, and the sender is asked for no more meanwhile.
  for (let slow = 0; slow < far - CREDIT_RECORDS; slow++) expect(take(slow)).toEqual([]);
  play.tick();
  expect(play.told(0, SENDER)).toEqual([]);
  expect(take(far - CREDIT_RECORDS)).toEqual([]);
  play.tick();
  expect(play.told(0, SENDER)).toEqual(["fault going-away"]);
  expect(play.got(1, STAYS)).toEqual(range(0, play.got(1, STAYS).length));
});
