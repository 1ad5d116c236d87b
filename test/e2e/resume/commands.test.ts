/** `resume` after every option of `send` and `recv`, and the advice that leads to it. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import {
  recv as recvCommand,
  send as sendCommand,
} from "../../../cli/commands/transfer-commands.ts";
import { keptSends } from "../../../cli/send/kept-sends.ts";
import { receive, send } from "../../../cli/library/library.ts";
import { keptReceives } from "../../../cli/system/state.ts";
import { unfinished } from "../../../cli/commands/unfinished.ts";
import { EXIT } from "../../../protocol/wire/faults.ts";
import { startRelay, type Relay } from "../../../relay/mod.ts";
import { Authority, writeCertificate } from "../../support/net/certificates.ts";
import { makeFile } from "../../support/files.ts";
import { policyWith, token } from "../../support/relay/tokens.ts";
import { bytesOf, temporaryFolder } from "../../support/disk.ts";
import { ended, heard, start } from "../../support/clients/program.ts";
import { environment } from "../../support/clients/own-state.ts";
import { openPty } from "../../support/clients/pty.ts";

const TEXT = "see you at eight";
const folder = temporaryFolder();
const file = makeFile(folder.path, "a.bin", 2_500_000);
const ca = join(folder.path, "ca.pem");
const relays = new Map<string, Relay>();
const { text: TOKEN, known } = token(["send", "receive"]);

beforeAll(async () => {
  const authority = new Authority();
  writeFileSync(ca, authority.cert);
  const tls = writeCertificate(folder.path, authority.issue());
  const policy = policyWith({ mode: "closed", lobby: "closed", tokens: [known] });
  relays.set("plain", await startRelay());
  relays.set("tls", await startRelay({ tls }));
  relays.set("token", await startRelay({ policy }));
  const store = { kind: "disk", folder: join(folder.path, "store") } as const;
  relays.set("store", await startRelay({ store }));
});

afterAll(async () => {
  await Promise.all([...relays.values()].map((relay) => relay.stop()));
  folder[Symbol.dispose]();
});

/** One case: a folder with what is remembered, and one to receive in. */
class Place {
  readonly state: string;
  readonly out: string;
  readonly relay: string;

  constructor(name: string, relay = "plain") {
    const path = join(folder.path, name.replaceAll(/\W+/g, "-"));
    this.state = join(path, "state");
    this.out = join(path, "out");
    mkdirSync(this.out, { recursive: true });
    this.relay = relays.get(relay)?.url ?? "";
  }

  env(more: Record<string, string> = {}): Record<string, string> {
    return { XDG_STATE_HOME: this.state, NO_COLOR: "1", ...more };
  }

  run(words: readonly string[], more?: Record<string, string>) {
    const child = start(words, { env: this.env(more), cwd: folder.path });
    return { child, ended: ended(child) };
  }

  /** Looks at the state of this case. */
  look<T>(at: () => T): T {
    using _ = environment({ XDG_STATE_HOME: this.state });
    return at();
  }

  /** Waits until a run is remembered, and kills it. */
  async killed({ child, ended }: ReturnType<Place["run"]>, many = 1): Promise<void> {
    let over = false;
    void child.exited.then(() => (over = true));
    while (this.look(unfinished).length < many) {
      if (over) throw new Error(JSON.stringify(await ended));
      await Bun.sleep(10);
    }
    child.kill("SIGKILL");
    await ended;
  }
}

/** For the library. */
function wayTo(url: string, relay: string | undefined) {
  return {
    relay: url,
    ca: relay === "tls" ? ca : undefined,
    token: relay === "token" ? TOKEN : undefined,
  };
}

interface Case {
  /** Words of the first run; all of its options are those of this case. */
  readonly words: readonly string[];
  /** Words of `resume` beside its own. */
  readonly more?: readonly string[];
  readonly relay?: string;
  /** Takes part at a terminal, where this is answered with yes. */
  readonly asks?: string;
}

/** The options in a command line. */
function optionsOf(cases: Record<string, Case>): string[] {
  const words = Object.values(cases).flatMap(({ words }) => words);
  const found = words.flatMap((word) => /^--([a-z-]+)/.exec(word)?.[1] ?? []);
  return [...new Set(found)].toSorted();
}

function optionsIn({ args }: { readonly args: object }, without: readonly string[]): string[] {
  return Object.keys(args)
    .filter((name) => !without.includes(name))
    .toSorted();
}

const SENDS: Record<string, Case> = {
  "how much, to whom and when": {
    words: [
      file.path,
      ..."--new --strict --skip-unsafe --offer-unsafe --timeout 3600 --name x.bin".split(" "),
      ..."--exclude=*.tmp --exclude *.o --gitignore --follow --receivers 1 --wait-for=1".split(" "),
      ..."--min-wait 0.01 --max-wait 60 --drop-slow 60 --limit 80MiB --connections 2 --quiet --qr".split(
        " ",
      ),
      ..."--connect-timeout 60 --copy --no-carry --addresses".split(" "),
    ],
  },
  "as events": { words: ["--json", "--", file.path] },
  "a text": { words: ["--text", TEXT] },
  "until Ctrl-C": { words: ["--stay", file.path] },
  "under a code of its own": {
    words: [file.path, "--code", "k7Qp2vX9mRz4tLw8nB3cY5"],
  },
  "to the lobby": { words: ["--lobby", file.path] },
  "by a relay with TLS": { words: [file.path, "--ca", ca, "--relay=RELAY"], relay: "tls" },
  "with a token": {
    words: [file.path, "--token", TOKEN],
    more: ["--token", TOKEN],
    relay: "token",
  },
  "at a relay that stores it": {
    words: [file.path, ..."--store --expires 1d --downloads 3 --limit 1MiB".split(" ")],
    relay: "store",
  },
  "with a question about each": { words: [file.path, "--ask"], asks: "Let " },
};

/** `test/e2e/carry/` resumes with a relay of the command's own. */
const OWN_RELAY = ["carry", "port"];
/** `path` is no option, and `--share` is what `resume` says itself. */
const NO_SENDS = ["path", "share", ...OWN_RELAY];

describe("resume goes on with a send", () => {
  test("after every option", () => {
    expect(optionsOf(SENDS)).toEqual(optionsIn(sendCommand, NO_SENDS));
  });

  test.each(Object.entries(SENDS))("%s", async (name, { words, more = [], relay, asks }) => {
    const at = new Place(`send ${name}`, relay);
    const said = words.map((word) => word.replace("RELAY", at.relay));
    if (asks === undefined) {
      await at.killed(at.run(["send", ...said], { FILESHARE_RELAY: at.relay }));
    } else {
      await using pty = openPty(["send", ...said], { env: at.env({ FILESHARE_RELAY: at.relay }) });
      await pty.shows("On the other side");
      while (at.look(keptSends).length === 0) await Bun.sleep(10);
    }
    const [kept] = at.look(keptSends);
    const way = wayTo(at.relay, relay);
    const receiver = receive({ ...way, code: kept!.code, out: at.out });
    const got = taken(receiver);
    if (asks === undefined) {
      const resumed = at.run(["resume", ...more]);
      expect(await got).toBe(words.includes("--text") ? TEXT : "saved");
      if (words.includes("--stay")) resumed.child.kill("SIGINT");
      receiver.interrupt();
      expect(await resumed.ended).toMatchObject({ exitCode: EXIT.done, err: "" });
    } else {
      await using pty = openPty(["resume"], { env: at.env() });
      await pty.shows(asks);
      pty.type("y\r");
      expect(await got).toBe("saved");
      expect(await pty.exited).toBe(EXIT.done);
    }
    await receiver.outcome;
    const saved = words.includes("--name") ? "x.bin" : "a.bin";
    if (!words.includes("--text")) expect(bytesOf(join(at.out, saved))).toEqual(file.bytes);
    // A sender with --stay may come back.
    expect(at.look(unfinished)).toHaveLength(words.includes("--stay") ? 1 : 0);
  });
});

/** The text that a receiver got, or that it saved something. */
async function taken(receiver: ReturnType<typeof receive>): Promise<string> {
  let got = "nothing";
  for await (const event of receiver) {
    if (event.event === "text") got = event.text;
    if (event.event === "saved") got = "saved";
    if (event.event === "done") return got;
    if (event.event === "error") return event.message;
  }
  return got;
}

const RECEIVES: Record<string, Case> = {
  "where, how and how fast": {
    words: [
      ..."--yes --out OUT --prefix p_ --hidden --executables --rename-unsafe --timeout".split(" "),
      ..."3600 --overwrite --checksum --checksum-file --name me --limit 80MiB --connections 2 --connect-timeout 60 --quiet".split(
        " ",
      ),
    ],
  },
  "as events, keeping both": {
    words: ["--json", "--yes", "--addresses", "--rename", "--out", "OUT"],
  },
  "leaving what is there": { words: ["--yes", "--skip", "--out=OUT"] },
  "by a relay with TLS": {
    words: ["--yes", "--out", "OUT", "--ca", ca, "--relay", "RELAY"],
    relay: "tls",
  },
  "with a token": {
    words: ["--yes", "--out", "OUT", "--token", TOKEN],
    more: ["--token", TOKEN],
    relay: "token",
  },
  "with a question": { words: ["--ask", "--out", "OUT"], asks: "Take it" },
};

/** `code` is no option; of the lobby and of what goes to the standard output nothing is kept. */
const NO_RECEIVES = ["code", "lobby", "stdout", ...OWN_RELAY];

describe("resume goes on with a receive", () => {
  test("after every option", () => {
    expect(optionsOf(RECEIVES)).toEqual(optionsIn(recvCommand, NO_RECEIVES));
  });

  test.each(Object.entries(RECEIVES))("%s", async (name, { words, more = [], relay, asks }) => {
    const at = new Place(`recv ${name}`, relay);
    const said = words.map((word) => word.replace("OUT", at.out).replace("RELAY", at.relay));
    const way = wayTo(at.relay, relay);
    // Its content is held back until another receiver comes.
    const startWhen = { receivers: 2, minWaitMs: 0, maxWaitMs: undefined };
    const sender = send({ ...way, what: [file.path], receivers: 2, startWhen });
    let code = "";
    for await (const event of sender) {
      if (event.event === "code") ({ code } = event);
      if (event.event === "relay") break;
    }
    const env = { FILESHARE_RELAY: at.relay, FILESHARE_CODE: code };
    if (asks === undefined) {
      await at.killed(at.run(["recv", ...said], env));
    } else {
      await using pty = openPty(["recv", ...said], { env: at.env(env) });
      await pty.shows(asks);
      pty.type("y\r");
      while (at.look(keptReceives).length === 0) await Bun.sleep(10);
    }
    const resumed =
      asks === undefined
        ? at.run(["resume", ...more]).ended
        : openPty(["resume"], { env: at.env() }).exited.then((exitCode) => ({ exitCode, err: "" }));
    const other = new Place(`recv ${name} other`, relay);
    const second = receive({ ...way, code, out: other.out });
    expect(await resumed).toMatchObject({ exitCode: EXIT.done, err: "" });
    expect(await second.outcome).toMatchObject({ exitCode: EXIT.done });
    expect(await sender.outcome).toMatchObject({ exitCode: EXIT.done });
    const saved = words.includes("--prefix") ? "p_a.bin" : "a.bin";
    expect(bytesOf(join(at.out, saved))).toEqual(file.bytes);
    const listed = words.includes("--checksum-file");
    expect(existsSync(join(at.out, "SHA256SUMS"))).toBe(listed);
    expect(at.look(unfinished)).toEqual([]);
  });
});

describe("with several that are not through", () => {
  test("the advice names the number, and it is the one of list, resume and forget", async () => {
    const at = new Place("several");
    const other = makeFile(folder.path, "b.bin", 1000);
    const env = { FILESHARE_RELAY: at.relay };
    await at.killed(at.run(["send", file.path], env));
    const interrupted = at.run(["send", other.path], env);
    while (at.look(unfinished).length < 2) await Bun.sleep(10);
    interrupted.child.kill("SIGINT");
    const { exitCode, out } = await interrupted.ended;
    expect(exitCode).toBe(EXIT.interrupted);
    expect(out).toContain("To resume with the same code: fileshare resume");
    const [, number = ""] =
      /^To resume with the same code: fileshare resume (\d)$/m.exec(out) ?? [];
    const item = at.look(unfinished)[Number(number) - 1];
    expect(item).toMatchObject({ kind: "send", kept: { name: "b.bin" } });

    const [none, wrong] = await Promise.all([
      at.run(["resume"]).ended,
      at.run(["resume", "7"]).ended,
    ]);
    for (const ended of [none, wrong]) {
      expect(ended.exitCode).toBe(EXIT.usage);
      expect(ended.err).toContain(
        "fileshare resume 1 (send b.bin), fileshare resume 2 (send a.bin)",
      );
    }
    const receiver = receive({ relay: at.relay, code: item!.kept.code, out: at.out });
    const resumed = at.run(["resume", number]);
    expect((await resumed.ended).exitCode).toBe(EXIT.done);
    await receiver.outcome;
    expect(bytesOf(join(at.out, "b.bin"))).toEqual(other.bytes);
    expect((await at.run(["forget", "1"]).ended).out).toBe("Forgot 1 share\n");
    const empty = await at.run(["resume", "1"]).ended;
    expect(empty.err).toContain("nothing is unfinished under 1: nothing is unfinished");
  });
});

describe("a send that no relay took leaves nothing to go on with:", () => {
  test.each<[what: string, words: readonly string[], relay: () => string]>([
    ["no relay is there", ["--connect-timeout", "0.1"], () => "ws://127.0.0.1:1"],
    ["a token is missing", [], () => relays.get("token")!.url],
    ["no relay is there", [], () => `http://127.0.0.1:${notARelay.port}`],
  ])("%s", async (what, words, relay) => {
    const at = new Place(what);
    const ended = await at.run(["send", file.path, ...words, "--relay", relay()]).ended;
    expect(ended.exitCode).toBe(EXIT.failed);
    expect(ended.out).not.toContain("fileshare resume");
    expect(at.look(unfinished)).toEqual([]);
  });

  test("a text from the standard input, which another run can't read again", async () => {
    const at = new Place("text from standard input");
    const env = at.env({ FILESHARE_RELAY: at.relay });
    const child = start(["send", "--text", "-"], { env, stdin: TEXT });
    await heard(child.stdout, "Using the relay");
    child.kill("SIGINT");
    const { exitCode, out } = await ended(child);
    expect(exitCode).toBe(EXIT.interrupted);
    expect(out).toContain("To send it again under the same code: FILESHARE_CODE=");
    expect(at.look(unfinished)).toEqual([]);
  });
});

const notARelay = Bun.serve({ port: 0, hostname: "127.0.0.1", fetch: () => new Response("hi") });
afterAll(() => notARelay.stop(true));
