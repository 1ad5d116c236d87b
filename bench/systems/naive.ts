/** The price and the gain of lanes: the same frames through a relay without them. */
import { startRelayProcess } from "./relay-process.ts";
import type { System } from "./system.ts";

const load = `${import.meta.dir}/../load`;

export const naive: System = {
  name: "naive",
  find: () => Promise.resolve({ version: `of Bun ${Bun.version}` }),
  async start() {
    const relay = await startRelayProcess("naive-relay.ts", []);
    return {
      pids: [relay.pid],
      url: relay.url,
      load: {
        sender: [process.execPath, `${load}/naive-sender.ts`],
        receivers: [process.execPath, `${load}/frame-receivers.ts`, "naive"],
      },
      takeStats: () => relay.takeStats(),
      [Symbol.asyncDispose]: () => relay[Symbol.asyncDispose](),
    };
  },
};
