/** The relay of this repository, and one that is there already. */
import manifest from "../../package.json" with { type: "json" };
import { productUnderTest, startProductRelay } from "./product.ts";
import { startRelayProcess } from "./relay-process.ts";
import type { LoadDriver, RunningSystem, StartOptions, System } from "./system.ts";

const folder = `${import.meta.dir}/../load`;

export const frameLoad: LoadDriver = {
  sender: [process.execPath, `${folder}/frame-sender.ts`],
  receivers: [process.execPath, `${folder}/frame-receivers.ts`],
};

export const textLoad: LoadDriver = {
  sender: [process.execPath, `${folder}/text-sender.ts`],
  receivers: [process.execPath, `${folder}/text-receivers.ts`],
};

export const fileshare: System = {
  name: "fileshare",
  find: () => Promise.resolve({ version: manifest.version }),
  start: (options) => start(options, frameLoad),
};

/** The same relay with the original app's clients, whose bytes it seals and opens. */
export const fileshareLobby: System = {
  name: "fileshare-lobby",
  find: () => Promise.resolve({ version: manifest.version }),
  start: (options) => start(options, textLoad),
};

async function start(
  { workers, logBytes }: StartOptions,
  load: LoadDriver,
): Promise<RunningSystem> {
  const log = logBytes === undefined ? [] : [`--log-bytes=${logBytes}`];
  const args = [`--workers=${workers}`, ...log];
  const product = productUnderTest();
  if (product !== undefined) {
    const relay = await startProductRelay(product, args);
    const { pid, url } = relay;
    return { pids: [pid], url, load, [Symbol.asyncDispose]: () => relay[Symbol.asyncDispose]() };
  }
  const relay = await startRelayProcess("fileshare-relay.ts", args);
  return {
    pids: [relay.pid],
    url: relay.url,
    load,
    takeStats: () => relay.takeStats(),
    [Symbol.asyncDispose]: () => relay[Symbol.asyncDispose](),
  };
}

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
