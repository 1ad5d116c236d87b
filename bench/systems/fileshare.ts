/** The relay of this repository, and one that is there already. */
import manifest from "../../package.json" with { type: "json" };
import { startRelayProcess } from "./relay-process.ts";
import type { LoadDriver, System } from "./system.ts";

const load = `${import.meta.dir}/../load`;

export const frameLoad: LoadDriver = {
  sender: [process.execPath, `${load}/frame-sender.ts`],
  receivers: [process.execPath, `${load}/frame-receivers.ts`],
};

export const fileshare: System = {
  name: "fileshare",
  find: () => Promise.resolve({ version: manifest.version }),
  async start({ workers, logBytes }) {
    const log = logBytes === undefined ? [] : [`--log-bytes=${logBytes}`];
    const relay = await startRelayProcess("fileshare-relay.ts", [`--workers=${workers}`, ...log]);
    return {
      pids: [relay.pid],
      url: relay.url,
      load: frameLoad,
      takeStats: () => relay.takeStats(),
      [Symbol.asyncDispose]: () => relay[Symbol.asyncDispose](),
    };
  },
};

/** A relay that runs somewhere: nothing is known of its process, and it is left as it was. */
export function fileshareAt(url: string): System {
  return {
    name: "fileshare",
    find: () => Promise.resolve({ version: `at ${url}` }),
    start: () =>
      Promise.resolve({
        pids: [],
        url: url.replace(/\/$/, ""),
        load: frameLoad,
        [Symbol.asyncDispose]: () => Promise.resolve(),
      }),
  };
}
