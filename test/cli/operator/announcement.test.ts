import { expect, test } from "bun:test";

import { announce } from "../../../cli/operator/announcement.ts";

/** The lines that a relay at the loopback address prints when it starts. */
async function linesWith(store: string | undefined): Promise<string[]> {
  const lines: string[] = [];
  const note = (line: unknown): void => void lines.push(String(line));
  const relay = {
    url: "ws://127.0.0.1:8000",
    port: 8000,
    certificate: undefined,
    admin: undefined,
  };
  const reach = { hostname: "127.0.0.1", publicOrigin: undefined, page: false, mode: "senders" };
  const console = { info: note, success: note } as unknown as Parameters<typeof announce>[2];
  await announce(relay, { ...reach, store }, console);
  return lines;
}

test("a relay that starts says where it stores shares, if it does", async () => {
  const plain = [
    "The relay listens at ws://127.0.0.1:8000",
    "Senders need a token",
    "127.0.0.1 is reachable from this machine alone; Ctrl-C ends the relay.",
  ];
  expect(await linesWith(undefined)).toEqual(plain);
  expect(await linesWith("/var/lib/fileshare")).toEqual(
    plain.toSpliced(2, 0, "It stores shares in /var/lib/fileshare"),
  );
});
