import { expect, test } from "bun:test";
import { closeSync, openSync, readdirSync } from "node:fs";

import {
  DESCRIPTORS_LEFT,
  Descriptors,
  clientsWithin,
  descriptorLimit,
} from "../../../relay/system/descriptors.ts";

const onLinux = test.skipIf(process.platform !== "linux");

onLinux("the limit of open files is the one that a shell would tell", async () => {
  const child = Bun.spawn(["sh", "-c", "ulimit -n"]);
  const said = (await child.stdout.text()).trim();
  expect(descriptorLimit()).toBe(said === "unlimited" ? undefined : Number(said));
});

test("clients get what the relay itself does not need, and one at least", () => {
  expect(clientsWithin(20_000, 2)).toBe(20_000 - 64 - 2 * 10);
  expect(clientsWithin(50, 2)).toBe(1);
});

onLinux("T4 descriptors are scarce with few left, until twice as many are free", () => {
  const opened: number[] = [];
  const close = (count: number): void => {
    for (const descriptor of opened.splice(-count)) closeSync(descriptor);
  };
  // Of this process, whatever else it has open; those that are free below must not count.
  const top = Math.max(...readdirSync("/proc/self/fd").map(Number)) + 100;
  const descriptors = new Descriptors(top);
  try {
    expect(descriptors.areScarce()).toBe(false);
    while ((opened.at(-1) ?? 0) < top - DESCRIPTORS_LEFT - 1)
      opened.push(openSync("/dev/null", "r"));
    expect(descriptors.areScarce()).toBe(true);
    close(DESCRIPTORS_LEFT / 2);
    expect(descriptors.areScarce()).toBe(true);
    close(DESCRIPTORS_LEFT);
    expect(descriptors.areScarce()).toBe(false);
  } finally {
    close(opened.length);
  }
  expect(new Descriptors(undefined).areScarce()).toBe(false);
});
