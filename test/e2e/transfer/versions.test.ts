/** The command line at relays of other versions. */
import { describe, expect, test } from "bun:test";
import { join } from "node:path";
import { decodeControl, encodeControl, FAULTS, type Message } from "../../../protocol/mod.ts";
import { temporaryFolder } from "../../support/disk.ts";
import { cleanEnv } from "../../support/clients/pty.ts";
import { newCode } from "../../support/clients/clients.ts";
import { makeFile } from "../../support/files.ts";
import { FILESHARE } from "../../support/clients/command-words.ts";

/** Says one thing to every hello; a fault is followed by a close. */
function relayThatSays(answer: Message): AsyncDisposable & { url: string; hellos: Message[] } {
  const hellos: Message[] = [];
  const server = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    fetch: (request, server) =>
      server.upgrade(request) ? undefined : new Response("", { status: 426 }),
    websocket: {
      open(socket) {
        socket.sendBinary(encodeControl({ t: "challenge", nonce: new Uint8Array(32) }));
      },
      message(socket, bytes) {
        if (typeof bytes === "string") throw new Error("text");
        hellos.push(decodeControl(bytes, "anyone"));
        socket.sendBinary(encodeControl(answer));
        if (answer.t === "fault") socket.close(FAULTS[answer.code].closeCode, answer.code);
      },
    },
  });
  return {
    url: `ws://127.0.0.1:${server.port}`,
    hellos,
    [Symbol.asyncDispose]: () => server.stop(true),
  };
}

async function fileshare(relay: string, cwd: string, ...words: readonly string[]) {
  const child = Bun.spawn([...FILESHARE, ...words], {
    cwd,
    env: {
      ...cleanEnv(),
      FILESHARE_RELAY: relay,
      FILESHARE_CODE: newCode(),
      XDG_STATE_HOME: join(cwd, "state"),
    },
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
  });
  const [out, err, exitCode] = await Promise.all([
    child.stdout.text(),
    child.stderr.text(),
    child.exited,
  ]);
  return { out, err, exitCode };
}

const fault = (message: string): Message => ({
  t: "fault",
  code: "version-mismatch",
  message,
  retry: false,
});
const sentence = "The relay and this program speak different versions of the protocol";
const newer =
  "the relay speaks versions 3 to 4 and this program version 2, so this program is the older one";
const older =
  "the relay speaks version 1 and this program version 2, so the relay is the older one";
const advice = "Update the older of the two.";

describe.each([
  { relay: "newer", answer: fault(newer), about: `: ${newer}` },
  { relay: "older", answer: fault(older), about: `: ${older}` },
  { relay: "wordless", answer: fault(""), about: "" },
  {
    relay: "careless",
    answer: {
      t: "welcome" as const,
      v: 9,
      session: new Uint8Array(8),
      limits: { frame: 1, window: 1, credit: 1 },
    },
    about:
      ": the relay speaks version 9 and this program version 2, so this program is the older one",
  },
])("a relay of another version, which is $relay", ({ answer, about }) => {
  test.each(["send a.bin", "recv --yes", "recv --lobby"])(
    "ends fileshare %s with a sentence and a code of its own",
    async (words) => {
      using folder = temporaryFolder();
      makeFile(folder.path, "a.bin", 100);
      await using relay = relayThatSays(answer);
      const { err, exitCode } = await fileshare(relay.url, folder.path, ...words.split(" "));
      expect(err).toBe(`Error: ${sentence}${about}. ${advice}\n`);
      expect(exitCode).toBe(5);
      // It said its own version, once.
      expect(relay.hellos).toMatchObject([{ t: "hello", v: 2 }]);
    },
  );

  test("is found by fileshare doctor", async () => {
    using folder = temporaryFolder();
    await using relay = relayThatSays(answer);
    const { out, exitCode } = await fileshare(relay.url, folder.path, "doctor", "--quick");
    expect(out).toContain(`${sentence}: ${relay.url}/ws${about.replace(":", ";")}\n`);
    expect(out).toContain(advice);
    expect(exitCode).toBe(1);
  });
});

test("P10 a relay's words about its version can't steer a terminal", async () => {
  using folder = temporaryFolder();
  await using relay = relayThatSays(fault("\u001b[2J\u001b]52;c;aGk=\u0007\u202e\n1.0"));
  for (const words of [
    ["recv", "--yes"],
    ["doctor", "--quick"],
  ]) {
    const { out, err } = await fileshare(relay.url, folder.path, ...words);
    expect(out + err).toContain("\\u{1b}[2J");
    // oxlint-disable-next-line no-control-regex
    expect(out + err).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202e]/);
  }
});
