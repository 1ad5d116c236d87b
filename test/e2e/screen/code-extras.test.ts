/** The extras of a sender's code besides its printed line, and --quiet. */
import { describe, expect, test } from "bun:test";
import { chmodSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import decodeImage from "qr/decode.js";

import { clipboardTools, copy, osc52, qrLines } from "../../../cli/screen/code-extras.ts";
import { webLink } from "../../../cli/connection/relay-address.ts";
import { startRelay } from "../../../relay/mod.ts";
import { transferFiles } from "../../support/files.ts";
import { bytesOf, temporaryFolder } from "../../support/disk.ts";
import { CODE, MAIN, run, type Ran } from "../../support/clients/program.ts";
import { openPty } from "../../support/clients/pty.ts";

/** Pixels of each module, as a camera sees several. */
const SCALE = 4;

/** Reads half blocks as a camera does on a dark terminal; colours make a block light. */
function scan(lines: readonly string[]): string {
  const rows = lines.flatMap((line) => {
    const dark = line.includes("\u001B");
    const cells = Bun.stripANSI(line).split("");
    const half = (drawn: string): boolean[] => cells.map((cell) => drawn.includes(cell) === dark);
    return [half("▀█"), half("▄█")];
  });
  const size = Math.min(rows.length, rows[0]?.length ?? 0);
  const width = size * SCALE;
  const data = new Uint8Array(width * width * 4);
  for (let i = 0; i < width * width; i++) {
    const dark = rows[Math.floor(i / width / SCALE)]?.[Math.floor((i % width) / SCALE)];
    data.fill(dark === true ? 0 : 255, i * 4, i * 4 + 4);
  }
  return decodeImage({ width, height: width, data });
}

describe("the QR code", () => {
  const link = webLink("wss://relay.example/base/ws", CODE);

  test("holds the link, with the code where no server sees it", () => {
    expect(link).toBe(`https://relay.example/base/#${CODE}`);
    expect(webLink("ws://127.0.0.1:8000/ws", CODE)).toBe(`http://127.0.0.1:8000/#${CODE}`);
  });

  test.each([true, false])("can be read from the screen, with colours: %p", (color) => {
    const lines = qrLines(link, color);
    expect(scan(lines)).toBe(link);
    expect(lines.length).toBeLessThan(24);
  });

  test("is drawn where there is room, and else only named", async () => {
    const args = ["send", MAIN, "--qr", "--code", CODE, "--relay", "ws://127.0.0.1:1"];
    for (const columns of [80, 30]) {
      await using pty = openPty([...args, "--connect-timeout", "0.1"], { columns, rows: 40 });
      expect(await pty.exited).toBe(1);
      const drawn = pty.grid().filter((line) => /[▀▄█]/.test(line));
      expect(drawn.length > 0).toBe(columns === 80);
      expect(pty.grid().join("")).toMatch(new RegExp(`http://\\S+:1/#${CODE}`));
      if (columns === 30) expect(pty.grid().join("\n")).toContain("The QR code needs");
    }
  });
});

describe("the web link", () => {
  /** The output of a sender while one receiver takes a file from a relay. */
  async function sent(page: boolean, ...args: string[]): Promise<{ out: string; url: string }> {
    using files = transferFiles(1000);
    await using relay = await startRelay({ page, hostname: "0.0.0.0" });
    const env = { FILESHARE_RELAY: relay.url, FILESHARE_CODE: CODE };
    const [sender, receiver] = await Promise.all([
      run(["send", files.path, ...args], { env }),
      run(["recv", "--yes", "--out", files.out], { env }),
    ]);
    expect([sender.exitCode, receiver.exitCode]).toEqual([0, 0]);
    return { out: sender.out, url: relay.url };
  }

  test("stands below the command, where the relay has a page, and leads to the same relay", async () => {
    const { out } = await sent(true);
    const address = /--relay ws:\/\/(\S+)/.exec(out)?.[1];
    expect(out).toContain(`Or open in a browser: http://${address}/#${CODE}\n`);
    expect((await sent(false)).out).not.toContain(`#${CODE}`);
  });

  test("is a field for programs", async () => {
    const { out, url } = await sent(true, "--json");
    const link = `${url.replace("ws", "http")}/#${CODE}`;
    expect(linksIn(out)).toEqual([link]);
    expect(linksIn((await sent(false, "--json")).out)).toEqual([]);
  });

  test("as a QR code comes with a word about a relay without a page", async () => {
    const warning = "This relay has no page";
    expect((await sent(true, "--qr")).out).not.toContain(warning);
    expect((await sent(false, "--qr")).out).toContain(warning);
  });
});

function linksIn(lines: string): string[] {
  return lines.split("\n").flatMap((line) => /"link":"([^"]+)"/.exec(line)?.[1] ?? []);
}

describe("--copy", () => {
  /** A clipboard tool that keeps what it gets in `copied`, or fails. */
  function tool(folder: string, name: string, script = `cat > '${folder}/copied'`): void {
    writeFileSync(join(folder, name), `#!/bin/sh\n${script}\n`);
    chmodSync(join(folder, name), 0o755);
  }

  test("uses the tool of the screen that there is", () => {
    expect(clipboardTools({}, "darwin")).toEqual([["pbcopy"]]);
    expect(clipboardTools({}, "linux")).toEqual([]);
    const both = clipboardTools({ WAYLAND_DISPLAY: "wayland-0", DISPLAY: ":0" }, "linux");
    expect(both.map(([name]) => name)).toEqual(["wl-copy", "xclip", "xsel"]);
    expect(clipboardTools({ DISPLAY: ":0", SSH_CONNECTION: "1" }, "linux")).toEqual([]);
  });

  test("takes the next one when a tool fails, and then the terminal", async () => {
    using folder = temporaryFolder();
    const PATH = `${folder.path}:${process.env["PATH"] ?? ""}`;
    const env = { DISPLAY: ":0", PATH };
    let sequence = "";
    const terminal = (text: string): void => void (sequence += text);
    tool(folder.path, "xclip", "exit 1");
    tool(folder.path, "xsel");
    expect(await copy(CODE, { env, platform: "linux", terminal })).toBe("tool");
    expect(Buffer.from(bytesOf(join(folder.path, "copied"))).toString()).toBe(CODE);
    tool(folder.path, "xsel", "exit 1");
    expect(await copy(CODE, { env, platform: "linux", terminal })).toBe("terminal");
    expect(sequence).toBe(osc52(CODE));
    expect(await copy(CODE, { env, platform: "linux", terminal: undefined })).toBeUndefined();
    const dumb = { ...env, TERM: "dumb" };
    expect(await copy(CODE, { env: dumb, platform: "linux", terminal })).toBeUndefined();
  });

  test("in a terminal gives the code to it, and to a pipe writes no sequence", async () => {
    const args = ["send", MAIN, "--copy", "--code", CODE, "--relay", "ws://127.0.0.1:1"];
    const all = [...args, "--connect-timeout", "0.1"];
    const env = { DISPLAY: "", WAYLAND_DISPLAY: "" };
    await using pty = openPty(all, { env });
    await pty.exited;
    expect(pty.raw).toContain(osc52(CODE));
    expect(pty.grid().join("\n")).toContain("The code was given to the terminal for its clipboard");
    const { out } = await run(all, { env });
    expect(out).toContain("There is no clipboard here for the code");
    expect(out).not.toContain("\u001B");
  });
});

describe("--quiet", () => {
  const quietly = (args: readonly string[], env: Record<string, string> = {}): Promise<Ran> =>
    run([...args, "--quiet"], { env });

  test("a sender prints its code, and a receiver nothing", async () => {
    using files = transferFiles(100_000);
    await using relay = await startRelay();
    const { path, out } = files;
    const env = { FILESHARE_RELAY: relay.url, FILESHARE_CODE: CODE };
    const both = await Promise.all([
      quietly(["send", path, "--qr"], env),
      quietly(["recv", "--yes", "--out", out], env),
    ]);
    expect(both).toEqual([
      { exitCode: 0, out: `${CODE}\n`, err: "" },
      { exitCode: 0, out: "", err: "" },
    ]);
    files.arrived();
  });

  test("a fault is told on stderr", async () => {
    const args = ["recv", "--yes", CODE, "--relay", "ws://127.0.0.1:1", "--connect-timeout", "0.1"];
    const { exitCode, out, err } = await quietly(args);
    expect({ exitCode, out }).toEqual({ exitCode: 1, out: "" });
    expect(err).toMatch(/^Error: The relay cannot be reached: .*\n$/);
  });

  test("questions are asked all the same", async () => {
    using files = transferFiles(10);
    await using relay = await startRelay();
    const { path, out } = files;
    const env = { FILESHARE_RELAY: relay.url, FILESHARE_CODE: CODE };
    const sender = quietly(["send", path], env);
    await using pty = openPty(["recv", "--quiet", "--out", out], { env });
    await pty.shows("Take it? (Y/n)");
    expect(pty.grid()[0]).toBe("Offered: 1 file, 10 B");
    pty.type("y\n");
    expect(await pty.exited).toBe(0);
    expect((await sender).exitCode).toBe(0);
  });
});
