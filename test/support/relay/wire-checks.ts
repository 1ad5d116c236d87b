/** Checks that tests of the relay's wire share. */
import { expect } from "bun:test";
import {
  decodeFrame,
  FAULTS,
  NONCE_BYTES,
  type FaultCode,
  type Message,
} from "../../../protocol/mod.ts";
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
  const serve = (message: Message): void => {
    if (message.t !== "want") return;
    const end = message.first + message.count;
    for (let index = message.first; index < end; index++) sender.send(share.frame(index));
  };
  for (const message of sender.messages) serve(message);
  sender.onMessage = serve;
  receiver.onFrame = () => receiver.ack(share.offer.share, 1, 3);
  receiver.join(share.offer.share, 0, 4);
  const frame = decodeFrame(await receiver.frame(3));
  sender.onMessage = () => undefined;
  expect(frame.index).toBe(3);
  expect(receiver.frames).toEqual([0, 1, 2, 3].map((index) => Buffer.from(share.frame(index))));
}
