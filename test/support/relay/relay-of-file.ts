import { afterAll, beforeAll, expect } from "bun:test";

import { startRelay, type Relay } from "../../../relay/mod.ts";

/** One relay for all tests of a file. None of them may make a worker fail. */
export function relayOfFile(): { readonly relay: Relay; readonly url: string } {
  let relay: Relay | undefined;
  const troubles: string[] = [];
  beforeAll(async () => {
    relay = await startRelay({ onTrouble: (trouble) => troubles.push(trouble) });
  });
  afterAll(async () => {
    await relay?.stop();
    expect(troubles).toEqual([]);
  });
  const running = (): Relay => {
    if (relay === undefined) throw new Error("the relay runs in tests only");
    return relay;
  };
  return {
    get relay() {
      return running();
    },
    get url() {
      return `${running().url}/ws`;
    },
  };
}
