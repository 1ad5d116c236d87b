/**
 * Receivers of frames: of the real protocol, with acknowledgements and windows,
 * or, with `naive` as argument, of a relay that knows neither. They decipher nothing.
 */
import { nodePrimitives } from "../../protocol/crypto/crypto-node.ts";

import { runLoad } from "./child.ts";
import { Crowd } from "./crowd.ts";
import { FrameReceiver } from "./frame-receiver.ts";
import { frameShare } from "./frame-share.ts";

/** ms between two looks for receivers that were silent for long */
const LOOK_MS = 1000;

const naive = process.argv[2] === "naive";

await runLoad((plan) => {
  const urls = plan.receiverUrls ?? [plan.url];
  const shares = urls.map((url) => frameShare(url, plan.id, plan.size));
  const crowd = new Crowd(plan, (): Record<string, number> => {
    if (!plan.groups.some(({ kind }) => kind === "churning")) return {};
    return { reconnects: members.reduce((sum, member) => sum + member.reconnects, 0) };
  });
  const members = crowd.enlist((group, groupIndex, number) => {
    const id = nodePrimitives.randomBytes(16);
    const share = shares[number % shares.length]!;
    return new FrameReceiver({ id, number, group, groupIndex, share, crowd, naive });
  });
  void crowd.gather(members);
  if (!naive) setInterval(() => members.forEach((member) => member.keepAlive()), LOOK_MS);
  return crowd;
});
