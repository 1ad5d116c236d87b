/** What the tests of the relay's wire check again and again. */
import { expect } from "bun:test";
import {
  decodeFrame,
  FAULTS,
  PROTOCOL_VERSION,
  type FaultCode,
  type Message,
} from "../../protocol/mod.ts";
import { RawClient, randomId, type rawShare } from "./raw-client.ts";

export const hello = (role: "sender" | "receiver", channel = randomId()): Message => ({
  t: "hello",
  v: PROTOCOL_VERSION,
  role,
  channel,
});

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
  channel: Uint8Array,
  share: ReturnType<typeof rawShare>,
): Promise<void> {
  await using receiver = await RawClient.greeted(url, "receiver", channel);
  const { list } = await receiver.when("offers");
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
