/**
 * Receivers of frames, all in one process: of the real protocol, with acknowledgements and windows,
 * or, with `naive` as argument, of a relay that knows neither. They decipher nothing.
 */
import { nodePrimitives } from "../../protocol/crypto-node.ts";

import { runLoad } from "./child.ts";
import { Crowd, enlist } from "./crowd.ts";
import { FrameReceiver } from "./frame-receiver.ts";
import { frameShare } from "./frame-share.ts";

const naive = process.argv[2] === "naive";

await runLoad((plan) => {
  const share = frameShare(plan.url, plan.id, plan.size);
  const crowd = new Crowd(plan, (): Record<string, number> => {
    const reconnects = members.reduce((sum, member) => sum + member.reconnects, 0);
    return reconnects > 0 ? { reconnects } : {};
  });
  const members = enlist(plan.groups, (group, index) => {
    const id = nodePrimitives.randomBytes(16);
    return new FrameReceiver({ id, group, groupIndex: index, share, crowd, naive });
  });
  void crowd.gather(members);
  return crowd;
});
