/** The relay and the temporary folder that all tests of one file share. */
import { afterAll, beforeAll } from "bun:test";
import { mkdirSync } from "node:fs";
import { join } from "node:path";

import { startRelay, type Relay } from "../../relay/mod.ts";
import { temporaryFolder } from "./disk.ts";

export interface RelayAndFolder {
  /** Before the first test of the file there is none. */
  readonly relay: Relay;
  readonly folder: string;
  /** @returns a new folder in the folder */
  emptyFolder(): string;
}

/** Call it once, at the top of a test file. The relay has one worker. */
export function relayAndFolder(options: { readonly hostname?: string } = {}): RelayAndFolder {
  const folder = temporaryFolder();
  let relay: Relay | undefined;
  beforeAll(async () => {
    relay = await startRelay({ ...options, workers: 1 });
  });
  afterAll(async () => {
    await relay?.stop();
    folder[Symbol.dispose]();
  });
  return {
    get relay() {
      if (relay === undefined) throw new Error("The relay did not start");
      return relay;
    },
    folder: folder.path,
    emptyFolder() {
      const path = join(folder.path, crypto.randomUUID());
      mkdirSync(path);
      return path;
    },
  };
}
