/** Saving in memory: what a browser cannot hold ends with a fault, and not with the tab. */
import { expect, test } from "bun:test";

import { MemorySaver } from "../../../web/save/memory-saver.ts";
import { laterFaultOf } from "../../support/disk.ts";
import { file, offerOf } from "./offers.ts";

test("F25 a stream without an end stops at what the browser holds", async () => {
  const stream = { ...offerOf(file("log.txt", 0)), open: true };
  const saver = new MemorySaver(stream, 3000);
  for (let at = 0; at < 3; at++) await saver.write(0, new Uint8Array(1000));
  expect(await laterFaultOf(saver.write(0, new Uint8Array(1)))).toBe("write-failed");
  await saver.abandon();
});
