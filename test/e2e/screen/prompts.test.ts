import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { readFileSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { startClient, type Client } from "../../../cli/library/client.ts";
import { relayAddress } from "../../../cli/connection/relay-address.ts";
import { parseCode } from "../../../protocol/code/code.ts";
import { startRelay, type Relay } from "../../../relay/mod.ts";
import { temporaryFolder } from "../../support/disk.ts";
import { openPty, type Pty, type PtyOptions } from "../../support/clients/pty.ts";

const CODE = "abandon-ability-able-about-above-absent-able";
const CTRL_C = "\u0003";
const CTRL_D = "\u0004";

let relay: Relay;
beforeAll(async () => {
  relay = await startRelay();
});
afterAll(() => relay.stop());

/** A sender of one file under CODE, which ends with the block. */
function sender(path: string): Client & AsyncDisposable {
  const client = startClient({
    kind: "send",
    relay: relayAddress(relay.url),
    code: parseCode(CODE),
    what: { from: "paths", paths: [path] },
    receivers: 1,
    stay: true,
    connectTimeoutMs: undefined,
  });
  return Object.assign(client, {
    [Symbol.asyncDispose]: async () => {
      client.interrupt();
      await client.outcome;
    },
  });
}

/** A command at a terminal, in a folder of its own, with that relay. */
function ask(args: readonly string[], { env, ...more }: PtyOptions = {}): Pty {
  const folder = temporaryFolder();
  const options = { cwd: folder.path, env: { FILESHARE_RELAY: relay.url, ...env }, ...more };
  const pty = openPty(args, options);
  const dispose = pty[Symbol.asyncDispose];
  pty[Symbol.asyncDispose] = async () => {
    await dispose();
    folder[Symbol.dispose]();
  };
  return pty;
}

describe("recv asks for the code", () => {
  test("completes words with Tab, and starts with what was typed", async () => {
    await using pty = ask(["recv"]);
    await pty.shows("Code: ");
    for (const [typed, line] of [
      ["aban\t", ": abandon-"],
      ["abil\t", ": abandon-ability-"],
      ["able-about-abo", ": abandon-ability-able-about-abo"],
      ["v\t", ": abandon-ability-able-about-above-"],
      ["abse\t", ": abandon-ability-able-about-above-absent-"],
      ["able\t", `: ${CODE}`],
    ] as const) {
      pty.type(typed);
      await pty.shows(line);
    }
    pty.type("\r");
    await pty.shows("Waiting for a share with this code");
    pty.type(CTRL_C);
    expect(await pty.exited).toBe(130);
    expect(pty.grid()).toEqual([
      `Code: ${CODE}`,
      `Using the relay ${relay.url}, as FILESHARE_RELAY says`,
      "Waiting for a share with this code",
      "Interrupted",
    ]);
  });

  test("asks again at Enter alone, and says how to reach the lobby", async () => {
    await using pty = ask(["recv"], { columns: 200 });
    await pty.shows("Code: ");
    pty.type("\r");
    await pty.shows(/Type lobby for the lobby[^]*Ctrl-C ends[^]*Code: $/m);
    pty.type(" lobby \r");
    await pty.shows("Waiting in the lobby for a file");
    pty.type(CTRL_C);
    expect(await pty.exited).toBe(130);
    expect(pty.raw).toEndWith("\u001B[?25h");
  });

  test("takes Enter alone three times for an end", async () => {
    await using pty = ask(["recv", "--relay", "127.0.0.1:1"], { columns: 200 });
    for (let times = 1; times <= 3; times++) {
      await pty.shows(new RegExp(`(?:Code: \\n?[^]*){${times}}$`));
      pty.type("\r");
    }
    expect(await pty.exited).toBe(2);
    expect(pty.grid().at(-1)).toStartWith("fileshare: The given text is not a code: it is empty.");
  });

  test("explains what is wrong, three times", async () => {
    await using pty = ask(["recv", "--relay", "127.0.0.1:1"], { columns: 200 });
    await pty.shows("Code: ");
    pty.type("zzz\r");
    await pty.shows(/it has 1 word, not 7[^]*Code: $/m);
    pty.type(`${CODE.replace("above", "abuve")}\r`);
    await pty.shows(/word 5, "abuve", is not on the list[^]*Code: $/m);
    pty.type(`${CODE.replace("about-above", "above-about")}\r`);
    expect(await pty.exited).toBe(2);
    expect(pty.grid().at(-2)).toStartWith(
      "fileshare: The given text is not a code: the words do not belong together",
    );
  });

  const lines = CODE.replaceAll("-", "\r");
  test.each([
    ["lines that come at once", [`${lines}\r`]],
    ["lines that come one by one", lines.split(/(?<=\r)/).concat("\r")],
    [
      "a paste that the terminal marks",
      [`\u001b[200~${CODE.replaceAll("-", "\n")}\n\u001b[201~`, "\r"],
    ],
    [
      "a marked paste in pieces",
      [
        "\u001b[200~aban\r",
        "ability",
        "\r",
        ...CODE.split("-", 7)
          .slice(2)
          .map((word) => `${word}\r`),
        "\u001b[2",
        "01~",
        "\r",
      ],
    ],
    [
      "the sender's screen",
      [
        `\u001b[200~Code: ${CODE}\n\nOn the other side, run:\n  fileshare recv ${CODE}\n\nWaiting\n\u001b[201~`,
        "\r",
      ],
    ],
    ["a quotation with a tab in it", [`\u201c${CODE.replaceAll("-", "\t")}\u201d\r`]],
  ])("takes %s", async (_, typed) => {
    await using pty = ask(["recv"]);
    await pty.shows("Code: ");
    for (const text of typed) pty.type(text);
    await pty.shows("Waiting for a share with this code");
    expect(pty.raw).not.toContain("not a code");
    pty.type(CTRL_C);
    expect(await pty.exited).toBe(130);
  });

  test("counts the words that are left", async () => {
    await using pty = ask(["recv"]);
    await pty.shows("Code: ");
    pty.type("abandon ability\r");
    await pty.shows("Code, 5 more words: ");
    pty.type("able about above absent\r");
    await pty.shows("Code, the last word: ");
    pty.type(CTRL_C);
    expect(await pty.exited).toBe(130);
  });

  test("takes the relay of a pasted command, unless another was typed", async () => {
    const pasted = `$ fileshare recv ${CODE} --relay ${relay.url}`;
    for (const [args, env, note] of [
      [[], { FILESHARE_RELAY: "ws://127.0.0.1:1" }, `Note: the relay is ${relay.url}, as the text`],
      [["--relay", relay.url], { FILESHARE_RELAY: "" }, undefined],
      [
        ["--relay", "ws://127.0.0.1:1"],
        { FILESHARE_RELAY: "" },
        "Note: the relay is ws://127.0.0.1:1, as --relay says",
      ],
    ] as const) {
      await using pty = ask(["recv", ...args], { env, columns: 200 });
      await pty.shows("Code: ");
      pty.type(`${pasted}\r`);
      const isReached = args[1] !== "ws://127.0.0.1:1";
      await pty.shows(isReached ? `Using the relay ${relay.url}` : "cannot be reached");
      if (note === undefined) expect(pty.raw).not.toContain("Note:");
      else expect(pty.grid().join("\n")).toContain(note);
      pty.type(CTRL_C);
      await pty.exited;
    }
  });

  test("gives nothing of a paste to the question that follows", async () => {
    using from = temporaryFolder();
    using to = temporaryFolder();
    writeFileSync(join(from.path, "a.txt"), "new");
    await using _sender = sender(join(from.path, "a.txt"));
    const env = { FILESHARE_RELAY: relay.url };
    await using pty = openPty(["recv"], { env, cwd: to.path });
    await pty.shows("Code: ");
    pty.type(`${CODE}\ry\r`);
    pty.type("y\r");
    await pty.shows("Take it? (Y/n) ");
    pty.type("n\r");
    expect(await pty.exited).toBe(1);
    expect(readdirSync(to.path)).toEqual([]);
  });

  test.each([
    ["Ctrl-C", CTRL_C],
    ["the end of input", CTRL_D],
  ])("ends at %s", async (_, key) => {
    await using pty = ask(["recv"]);
    await pty.shows("Code: ");
    pty.type(key);
    expect(await pty.exited).toBe(130);
    expect(pty.grid()[1]).toStartWith("fileshare: Interrupted.");
  });
});

type Files = Record<string, string>;

describe("recv asks before it writes", () => {
  async function answer(
    name: string,
    before: Files,
    question: string,
    typed: string,
    args: readonly string[] = [],
  ): Promise<{ exitCode: number; files: Files }> {
    using from = temporaryFolder();
    using to = temporaryFolder();
    writeFileSync(join(from.path, name), "new");
    for (const [path, text] of Object.entries(before)) writeFileSync(join(to.path, path), text);
    await using _sender = sender(join(from.path, name));
    const env = { FILESHARE_RELAY: relay.url, FILESHARE_CODE: CODE };
    await using pty = openPty(["recv", ...args], { env, cwd: to.path });
    await pty.shows(question);
    expect(pty.grid()).toContain("Offered: 1 file, 3 B");
    for (const [i, line] of typed.split(/(?<=\r)/).entries()) {
      await pty.shows(new RegExp(`(?:${RegExp.escape(question.trim())}[^]*){${i + 1}}`));
      pty.type(line);
    }
    const exitCode = await pty.exited;
    const files = readdirSync(to.path).map((path) => {
      return [path, readFileSync(join(to.path, path), "utf8")];
    });
    return { exitCode, files: Object.fromEntries(files) as Files };
  }

  const NEW = { "a.txt": "new" };
  const OLD = { "a.txt": "older" };
  const BOTH = { ...OLD, "a (1).txt": "new" };
  const TAKEN = "(k)eep both, (r)eplace the file that is here, or (c)ancel? [k] ";
  const REPLACING = "Take it, replacing the file that is here? (Y/n) ";

  test.each<
    [what: string, name: string, before: Files, question: string, typed: string, after: Files]
  >([
    ["Enter takes the file", "a.txt", {}, "Take it? (Y/n) ", "\r", NEW],
    ["no leaves nothing", "a.txt", {}, "Take it? (Y/n) ", "what\rn\r", {}],
    ["F18 Enter leaves a hidden file", ".bashrc", {}, "Take it? (y/N) ", "\r", {}],
    ["F17 k keeps both files of a name", "a.txt", OLD, TAKEN, "k\r", BOTH],
    ["F17 Enter keeps both files of a name", "a.txt", OLD, TAKEN, "\r", BOTH],
    ["F17 r replaces the file that is here", "a.txt", OLD, TAKEN, "r\r", NEW],
    ["F17 cancel leaves the file that is here", "a.txt", OLD, TAKEN, "cancel\r", OLD],
    ["--overwrite is said with the question", "a.txt", OLD, REPLACING, "y\r", NEW],
  ])("%s", async (_, name, before, question, typed, files) => {
    const args = question === REPLACING ? ["--overwrite"] : [];
    const exitCode = Object.values(files).includes("new") ? 0 : 1;
    expect(await answer(name, before, question, typed, args)).toEqual({ exitCode, files });
  });

  test("Ctrl-C at the question ends at once", async () => {
    expect(await answer("a.txt", {}, "Take it? (Y/n) ", CTRL_C)).toMatchObject({ exitCode: 130 });
  });
});

describe("send asks for the file", () => {
  test("completes its path with Tab, and takes it in quotes", async () => {
    using folder = temporaryFolder();
    writeFileSync(join(folder.path, "big file.iso"), "x");
    const env = { FILESHARE_RELAY: relay.url };
    await using pty = openPty(["send"], { env, cwd: folder.path });
    await pty.shows("File to send: ");
    pty.type("bi\t");
    await pty.shows("File to send: big file.iso");
    pty.type("\u0001'\u0005'\r"); // around it, by the keys for the line's two ends
    await pty.shows(/Sending big file.iso \(1 B\)\n[^]*Using the relay/);
    pty.type(CTRL_C);
    expect(await pty.exited).toBe(130);
    expect(pty.grid().join("")).toContain("To resume with the same code: fileshare resume");
  });

  test("says that there is none", async () => {
    await using pty = ask(["send", "--relay", "127.0.0.1:1"], { columns: 200 });
    await pty.shows("File to send: ");
    pty.type("no-such-file\r");
    expect(await pty.exited).toBe(2);
    expect(pty.grid().join("\n")).toContain("The file does not exist: no-such-file");
  });
});

describe("the terminal", () => {
  test.each([
    ["NO_COLOR", { NO_COLOR: "1" }, false],
    ["none", {}, true],
  ])("colours with %s set", async (_, variables, colored) => {
    await using pty = ask(["send", "--text", "x"], { env: variables });
    await pty.shows("Sending a text (1 B)");
    pty.type(CTRL_C);
    await pty.exited;
    expect(/\p{Cc}\[\d+m/u.test(pty.raw)).toBe(colored);
  });

  test("a dumb one gets lines and nothing else", async () => {
    await using pty = ask(["send", "--text", "x"], { env: { TERM: "dumb" } });
    await pty.shows("Sending a text (1 B)");
    pty.type(CTRL_C);
    expect(await pty.exited).toBe(130);
    expect(pty.raw).not.toContain("\u001B");
  });
});

test("the first signal stops what is under way, the second ends at once", async () => {
  const interrupts = JSON.stringify(`${import.meta.dir}/../../../cli/system/interrupts.ts`);
  const script = `
    const { listenForSignals, onInterrupt } = await import(${interrupts});
    listenForSignals((exitCode) => process.exit(exitCode));
    { using outer = onInterrupt(() => console.log("outer")); }
    const stop = onInterrupt(() => { console.log("stopping"); process.kill(process.pid, "SIGINT"); });
    setInterval(() => stop, 1000);
    process.kill(process.pid, "SIGTERM");
  `;
  const child = Bun.spawn([process.execPath, "-e", script], { stdout: "pipe", stderr: "inherit" });
  expect(await child.stdout.text()).toBe("stopping\n");
  expect(await child.exited).toBe(130);
});
