/** The relay of this repository, and one that is there already. */
import manifest from "../../package.json" with { type: "json" };
import type { StorePlace } from "../../relay/store/record-store.ts";
import { Authority, writeCertificate } from "../../test/support/net/certificates.ts";
import { startS3 } from "../../test/support/net/s3-server.ts";
import { TemporaryFolder } from "../temporary.ts";
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

/** The same relay where the kernel does not send for it: Bun copies each frame. */
export const fileshareCopy: System = {
  name: "fileshare-copy",
  find: () => Promise.resolve({ version: manifest.version }),
  start: (options) => start(options, frameLoad, ["--copy"]),
};

/** The same relay with TLS. */
export const fileshareTls: System = {
  name: "fileshare-tls",
  find: () => Promise.resolve({ version: manifest.version }),
  async start(options) {
    const certificate = new TemporaryFolder("certificate");
    const { cert, key } = writeCertificate(certificate.path, new Authority().issue());
    const args = [`--tls-cert=${cert}`, `--tls-key=${key}`];
    const running = await start(options, frameLoad, args);
    return {
      ...running,
      async [Symbol.asyncDispose]() {
        await running[Symbol.asyncDispose]();
        certificate[Symbol.dispose]();
      },
    };
  },
};

/** The same relay with a store on disk, which outlives its process. */
export const fileshareStored: System = {
  name: "fileshare-stored",
  find: () => Promise.resolve({ version: manifest.version }),
  start(options) {
    const folder = new TemporaryFolder("store");
    return startStoring(options, { kind: "disk", folder: folder.path }, () => {
      folder[Symbol.dispose]();
      return Promise.resolve();
    });
  },
};

/** The same relay with a store in S3, as s3rver is it; its CPU time is none of the relay's. */
export const fileshareS3: System = {
  name: "fileshare-s3",
  find: () => Promise.resolve({ version: manifest.version }),
  async start(options) {
    const server = await startS3();
    return startStoring(options, server.place("bench/"), () => server[Symbol.asyncDispose]());
  },
};

async function startStoring(
  { workers }: StartOptions,
  store: StorePlace,
  end: () => PromiseLike<void>,
): Promise<RunningSystem> {
  const args = [`--workers=${workers}`, `--store=${JSON.stringify(store)}`];
  let relay = await startRelayProcess("fileshare-relay.ts", args);
  const { url } = relay;
  return {
    get pids() {
      return [relay.pid];
    },
    url,
    load: frameLoad,
    takeStats: () => relay.takeStats(),
    async restart() {
      await relay[Symbol.asyncDispose]();
      const port = `--port=${new URL(url).port}`;
      relay = await startRelayProcess("fileshare-relay.ts", [...args, port]);
    },
    async [Symbol.asyncDispose]() {
      await relay[Symbol.asyncDispose]();
      await end();
    },
  };
}

async function start(
  { workers, logBytes }: StartOptions,
  load: LoadDriver,
  more: readonly string[] = [],
): Promise<RunningSystem> {
  const log = logBytes === undefined ? [] : [`--log-bytes=${logBytes}`];
  const args = [`--workers=${workers}`, ...log, ...more];
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
