/** What the tests of the relay's wire check again and again. */
import { expect } from "bun:test";
import {
  decodeFrame,
  FAULTS,
  NONCE_BYTES,
  type FaultCode,
  type Message,
} from "../../protocol/mod.ts";
import { helloTo, type TestChannel } from "./channel.ts";
import { RawClient, randomId, type rawShare } from "./raw-client.ts";

/** A hello whose signature holds for no line. */
export const unprovedHello = (role: "sender" | "receiver"): Message =>
  helloTo({ nonce: new Uint8Array(NONCE_BYTES) }, role, randomId());

/** The socket was told this fault, and closed with its code. */
export async function expectFault(client: RawClient, code: FaultCode): Promise<void> {
  const fault = await client.when("fault");
  const { retry, closeCode } = FAULTS[code];
  expect(fault).toMatchObject({ code, retry });
  expect((await client.closed).code).toBe(closeCode);
}

/** A share still works: a new receiver gets its first records. */
export async function expectServed(
  url: string,
  sender: RawClient,
  channel: TestChannel,
  share: ReturnType<typeof rawShare>,
): Promise<void> {
  await using receiver = await RawClient.greeted(url, "receiver", channel);
  const { list } = await receiver.offered(share);
  expect(list).toMatchObject([{ share: share.offer.share, senderHere: true }]);
  receiver.join(share.offer.share, 0, 4);
  await sender.when("want", ({ first }) => first === 0);
  for (const index of [0, 1, 2, 3]) sender.send(share.frame(index));
  const frame = decodeFrame(await receiver.frame(3));
  expect(frame.index).toBe(3);
  expect(receiver.frames).toEqual([0, 1, 2, 3].map((index) => Buffer.from(share.frame(index))));
}
