/** Relays that tell clients what only the clients themselves can know. */
import { describe, expect, test } from "bun:test";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { pack } from "msgpackr";
import {
  decodeFrame,
  keysOfMaster,
  receiptMac,
  sealName,
  toHex,
  type FaultCode,
  type Message,
  type MessageOf,
} from "../../protocol/mod.ts";
import { nodePrimitives } from "../../protocol/crypto/crypto-node.ts";
import { keptSends } from "../../cli/send/kept-sends.ts";
import { storedSends } from "../../cli/send/stored-sends.ts";
import { startRelay } from "../../relay/mod.ts";
import { bytesOf, temporaryFolder } from "../support/disk.ts";
import { newCode, receive, send } from "../support/clients/clients.ts";
import { makeFile } from "../support/files.ts";
import { masterOf } from "../support/clients/known-codes.ts";
import { LyingRelay } from "../support/hostile/lying-relay.ts";
import { TamperingRelay } from "../support/hostile/tampering.ts";
import { jsonLines, run } from "../support/clients/program.ts";
import { cleanEnv } from "../support/clients/pty.ts";
import { stateOfEachTest } from "../support/clients/own-state.ts";

const MiB = 1024 * 1024;
const OWN = ["interrupted", "some-failed", "declined", "source-changed", "internal"] as const;

stateOfEachTest();

describe("a sender that stays, and has a receiver with everything", () => {
  test.each([
    ...OWN.map((code) => ["cancel", code, "bad-message"] as const),
    ...OWN.map((code) => ["fault", code, "bad-message"] as const),
    ["cancel", "sender-stopped", "bad-message"],
    ["fault", "not-your-share", "not-your-share"],
    ["fault", "removed", "removed"],
  ] as const)(
    "is not done, nor interrupted, by its relay's %s %s, and keeps its share",
    async (t, code, due) => {
      using folder = temporaryFolder();
      const file = makeFile(folder.path, "a.bin", 1000);
      const own = newCode();
      const keys = keysOfMaster(Buffer.from(masterOf(own) ?? "", "hex"), nodePrimitives);
      const receiver = new Uint8Array(16).fill(5);
      await using relay = new LyingRelay(({ share, records }) => {
        // True, so that Ctrl-C would be the end of a job well done.
        const mac = receiptMac(keys, nodePrimitives, share, receiver, records);
        const name = sealName("a", { share, receiver }, keys, nodePrimitives);
        const list = [{ id: receiver, name, state: "done", next: records }];
        return [
          pack({ t: "receivers", share, list }),
          pack({ t: "receipt", share, receiver, records, mac }),
          t === "cancel"
            ? pack({ t, share, reason: code })
            : pack({ t, code, message: "", retry: false }),
        ];
      });
      await using sender = send({
        relay: relay.url,
        code: own,
        path: file.path,
        stay: true,
        keep: { again: { cwd: "/", words: ["send"] }, anew: false, codeChosen: false },
      });
      expect(await sender.outcome).toEqual({ fault: due, exitCode: 1 });
      expect(sender.all("receiver").filter(({ done }) => done)).toHaveLength(1);
      expect(sender.all("done")).toEqual([]);
      expect(keptSends()).toMatchObject([{ code: own, running: false }]);
    },
  );
});

describe("a receiver amid a share", () => {
  test.each([
    ["cancel", "source-changed", "source-changed"],
    ["cancel", "removed", "removed"],
    ["cancel", "declined", "bad-message"],
    ["cancel", "interrupted", "bad-message"],
    ["fault", "write-failed", "bad-message"],
  ] as const)(
    "keeps what it has at a %s %s, and goes on at an honest relay",
    async (t, code, due: FaultCode) => {
      using folder = temporaryFolder();
      const out = join(folder.path, "out");
      mkdirSync(out);
      await using relay = await startRelay();
      const honest = `${relay.url}/ws`;
      let share = new Uint8Array(16);
      await using liar = new TamperingRelay(honest, (frame) =>
        decodeFrame(frame).index < 3
          ? [frame]
          : [
              t === "cancel"
                ? pack({ t, share, reason: code })
                : pack({ t, code, message: "", retry: false }),
            ],
      );
      const file = makeFile(folder.path, "a.bin", 6 * MiB);
      const own = newCode();
      await using sender = send({ relay: honest, code: own, path: file.path });
      share = new Uint8Array(Buffer.from((await sender.when("code")).share ?? "", "hex"));
      await using first = receive({ relay: liar.url, code: own, out }, "anna");
      expect(await first.outcome).toEqual({ fault: due, exitCode: 1 });
      expect((await first.when("kept")).bytes).toBeGreaterThan(2 * MiB);
      await using again = receive({ relay: honest, code: own, out }, "anna");
      expect((await again.when("resumed")).bytes).toBeGreaterThan(2 * MiB);
      expect(await again.outcome).toEqual({ fault: undefined, exitCode: 0 });
      expect(await sender.outcome).toEqual({ fault: undefined, exitCode: 0 });
      expect(bytesOf(join(out, "a.bin"))).toEqual(file.bytes);
    },
  );
});

test("a name that a relay moves to another receiver, or says in another share, shows nobody", async () => {
  using folder = temporaryFolder();
  const file = makeFile(folder.path, "a.bin", 1000);
  const code = newCode();
  const keys = keysOfMaster(Buffer.from(masterOf(code) ?? "", "hex"), nodePrimitives);
  const [anna, bob] = [new Uint8Array(16).fill(1), new Uint8Array(16).fill(2)];
  await using relay = new LyingRelay(({ share }) => {
    const sealed = (of: Uint8Array, receiver: Uint8Array): Uint8Array =>
      sealName("anna", { share: of, receiver }, keys, nodePrimitives);
    const entry = (id: Uint8Array, name: Uint8Array) => ({ id, name, state: "live", next: 1 });
    const list = [
      entry(bob, sealed(share, anna)),
      entry(bob, sealed(anna, bob)),
      entry(bob, sealed(bob, share)),
      entry(anna, sealed(share, anna)),
    ];
    return [pack({ t: "receivers", share, list }), pack({ t: "cancel", share, reason: "removed" })];
  });
  await using sender = send({ relay: relay.url, code, path: file.path });
  expect(await sender.outcome).toMatchObject({ fault: "bad-message" });
  expect(sender.all("receiver").map(({ id, name }) => [id, name])).toEqual([[toHex(anna), "anna"]]);
});

type Answer = (question: MessageOf<"inspect"> | MessageOf<"revoke">) => Message;

describe("a relay that says that it stores a share", () => {
  const own = newCode();
  const keys = keysOfMaster(Buffer.from(masterOf(own) ?? "", "hex"), nodePrimitives);
  const receiver = new Uint8Array(16).fill(5);
  const nothing = { records: 0, downloads: 0, receipts: [] };

  /** @returns what `fileshare stored` says of it, or `revoke` */
  async function asked(answer: Answer, ...command: string[]) {
    await using relay = new LyingRelay(
      ({ share }) => [pack({ t: "stored", share, until: 8e12 })],
      undefined,
      { store: { life: 1000, bytes: 1e9 }, answer },
    );
    await using sender = send({
      relay: relay.url,
      code: own,
      what: { from: "text", text: "see you at eight" },
      store: { life: 1000 },
    });
    expect(await sender.outcome).toMatchObject({ exitCode: 0 });
    return await run([...command, "--json"], { env: cleanEnv() });
  }

  test("has as many receivers as receipts verify, however often it tells one", async () => {
    const { out } = await asked(({ share }) => {
      const mac = receiptMac(keys, nodePrimitives, share, receiver, 1);
      const told = { receiver, records: 1, mac, at: 0 };
      const false_ = { ...told, receiver: new Uint8Array(16).fill(6) };
      const receipts = [...Array.from({ length: 90 }, () => told), false_, false_];
      return { t: "inspected", share, state: "stored", records: 1, downloads: 92, receipts };
    }, "stored");
    expect(jsonLines(out)).toMatchObject([{ state: "stored", receivers: 1, doubtful: 2 }]);
  });

  test.each([
    [
      "tells of it",
      ({ share }): Message => ({ t: "inspected", share, state: "unknown", ...nothing }),
    ],
    ["deleted another", (): Message => ({ t: "revoked", share: receiver, known: true })],
  ] satisfies [string, Answer][])(
    "and %s when it shall delete it does not make its sender forget the proof",
    async (_, answer) => {
      const { out } = await asked(answer, "revoke", own);
      expect(jsonLines(out)).toMatchObject([{ event: "error", code: "bad-message" }]);
      expect(storedSends()).toHaveLength(1);
    },
  );
});
