import { expect, test } from "bun:test";

import { ResumeStore } from "../../../cli/send/resume-store.ts";
import type { KeptSend } from "../../../cli/send/kept-send.ts";
import { faultOf } from "../../support/disk.ts";

/** A file system that lost its disk. */
function fails(): never {
  throw Object.assign(new Error("EIO: i/o error"), { code: "EIO" });
}

const RECORD = new Uint8Array(32);

/** A kept send of which these parts are used. */
function keptSend(parts: Partial<KeptSend>): KeptSend {
  return { tags: () => new Uint8Array(0), ...parts } as KeptSend;
}

test("a record whose tag can't be written leaves once its share is forgotten", () => {
  let lost = 0;
  let forgotten = 0;
  const kept = keptSend({ note: fails, forget: () => void forgotten++ });
  const keeper = new ResumeStore(kept, () => void lost++);
  keeper.note(0, RECORD, "a.bin");
  keeper.note(1, RECORD, "a.bin");
  expect({ lost, forgotten }).toEqual({ lost: 1, forgotten: 1 });
});

test("no record leaves where its tag can be neither written nor its share forgotten", () => {
  const keeper = new ResumeStore(keptSend({ note: fails, forget: fails }), () => undefined);
  expect(faultOf(() => keeper.note(0, RECORD, "a.bin"))).toBe("state-stuck");
  expect(keeper.has(0)).toBe(false);
});

test("a send that is through ends well, also where its share can't be forgotten", () => {
  const keeper = new ResumeStore(keptSend({ forget: fails }), () => undefined);
  keeper.letGo(undefined, false);
});
