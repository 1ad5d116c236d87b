/** The ways that a browser has for an offer, and what the person reads before it begins. */
import { describe, expect, test } from "bun:test";

import { MEMORY_MOST, memoryMost, type Abilities } from "../../../web/browser/abilities.ts";
import { choicesFor } from "../../../web/save/choices.ts";
import { file, folder, offerOf } from "./offers.ts";

const GIB = 1024 ** 3;
const all: Abilities = {
  isSecure: true,
  hasFilePicker: true,
  hasFolderPicker: true,
  hasDownloads: true,
  memoryMost: MEMORY_MOST,
};
const firefox: Abilities = { ...all, hasFilePicker: false, hasFolderPicker: false };
const lan: Abilities = { ...firefox, isSecure: false, hasDownloads: false };

function ways(...choices: Parameters<typeof choicesFor>): string[] {
  return choicesFor(...choices).map(({ way, zip, name }) => `${way}${zip ? " zip" : ""} ${name}`);
}

describe("ways of saving", () => {
  test("are, for one file, the picked file before all others", () => {
    expect(ways(offerOf(file("a.iso", 1)), all)).toEqual([
      "file a.iso",
      "folder undefined",
      "download a.iso",
      "memory a.iso",
    ]);
  });

  test("are, for a tree, a folder or one ZIP", () => {
    const tree = offerOf(file("tree/a", 1), folder("tree/b"));
    expect(ways(tree, all)).toEqual([
      "folder undefined",
      "download zip tree.zip",
      "memory zip tree.zip",
    ]);
    expect(ways(tree, firefox)).toEqual(["download zip tree.zip", "memory zip tree.zip"]);
  });

  test("are memory alone where the page came over plain http", () => {
    expect(ways(offerOf(file("a", 1)), lan)).toEqual(["memory a"]);
  });

  test("are no folder for a stream without a known end", () => {
    const stream = { ...offerOf(file("a", 0)), open: true };
    expect(ways(stream, all)).toEqual(["file a", "download a", "memory a"]);
    expect(choicesFor(stream, lan)[0]?.note).toContain("2 GiB");
  });

  test("are none for a text, which the page shows", () => {
    expect(choicesFor({ ...offerOf(), kind: "text" }, all)).toEqual([]);
  });

  test("say before the start that this browser cannot hold the share, and what to do instead", () => {
    const offer = offerOf(file("a", 5 * GIB));
    const [overHttp] = choicesFor(offer, lan);
    expect(overHttp?.impossible).toMatch(/2 GiB.*5 GiB.*https:\/\/.*fileshare recv/);
    const secure = choicesFor(offer, { ...lan, isSecure: true })[0];
    expect(secure?.impossible).toMatch(/Chrome.*fileshare recv/);
    expect(choicesFor(offer, firefox)[0]?.impossible).toBeUndefined();
    expect(choicesFor(offerOf(file("a", MEMORY_MOST)), lan)[0]?.impossible).toBeUndefined();
  });
});

describe("the memory of a device", () => {
  const desktop = "Mozilla/5.0 (X11; Linux x86_64) Chrome/156.0";

  test("is bounded by the browser, the device and its free storage", () => {
    expect(memoryMost({ userAgent: desktop })).toBe(2 * GIB);
    expect(memoryMost({ userAgent: desktop, deviceMemory: 8 })).toBe(2 * GIB);
    expect(memoryMost({ userAgent: desktop, deviceMemory: 2 })).toBe(GIB / 2);
    expect(memoryMost({ userAgent: desktop }, 1000)).toBe(1000);
  });

  test("is small on a phone", () => {
    expect(memoryMost({ userAgent: "Mozilla/5.0 (iPhone; CPU iPhone OS 19_0)" })).toBe(GIB / 2);
  });
});
