/** A relay of a cluster with a sender, and the lines of other relays that a test plays. */
import { FRAME_HEADER_BYTES, type ReceiverEntry } from "../../../protocol/mod.ts";
import { startRelay, type RelayOptions } from "../../../relay/mod.ts";
import { channelId } from "./channel.ts";
import { RawClient, randomId, rawShare, type RawShare } from "./raw-client.ts";
import { RawReceiver } from "./raw-receiver.ts";
import { EdgeLine, edgesMayCome, type LineOptions } from "./scripted-edge.ts";

export interface EdgeStageOptions extends Partial<RelayOptions> {
  readonly records?: number;
  readonly frameBytes?: number;
  readonly of?: (share: RawShare) => RawShare;
}

/** A relay of a cluster that has the sender of a share, and lines of other relays to it. */
export async function edgeStage({
  records = 30,
  frameBytes = 20_000,
  of = (share) => share,
  ...more
}: EdgeStageOptions = {}) {
  const stack = new AsyncDisposableStack();
  const relay = stack.use(await startRelay({ workers: 2, supervision: edgesMayCome(), ...more }));
  const secretOfChannel = randomId();
  const channel = channelId(secretOfChannel);
  const share = of(rawShare(records, frameBytes - FRAME_HEADER_BYTES));
  const serve = async () =>
    stack.use(await RawClient.serving(`${relay.url}/ws`, secretOfChannel, share));
  const sender = await serve();
  const id = share.offer.share;
  return {
    relay,
    url: `${relay.url}/ws`,
    share,
    id,
    /** The bytes that the channel is made of. */
    code: secretOfChannel,
    channel,
    sender,
    serve,
    stream: async (more: Partial<LineOptions> = {}) =>
      stack.use(await EdgeLine.open({ port: relay.clusterPort, channel, share: id, ...more })),
    control: async (more: Partial<LineOptions> = {}) =>
      stack.use(await EdgeLine.open({ port: relay.clusterPort, channel, ...more })),
    receiver: async () =>
      stack.use(await RawReceiver.open({ port: relay.port, channel: secretOfChannel, share })),
    /** The records as the sender gives them. */
    frames: (from: number, end: number) =>
      Array.from({ length: end - from }, (_, at) => new Uint8Array(share.frame(from + at))),
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  };
}

/** A receiver as a relay reports it. */
export function entryOf(id: Uint8Array, state: ReceiverEntry["state"], next = 0): ReceiverEntry {
  return { id, name: new Uint8Array(0), state, next };
}
