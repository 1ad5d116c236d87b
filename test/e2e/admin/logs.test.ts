/** P10: what a relay reports of others is one line each, escaped and cut. */
import { describe, expect, test } from "bun:test";
import { connect } from "node:net";

import { jsonLog, prettyText } from "../../../cli/operator/log-lines.ts";
import { toHex } from "../../../protocol/mod.ts";
import { startRelay, type Relay, type Report } from "../../../relay/mod.ts";
import { REPORT_TEXT, REPORTS_PER_SECOND, Reports } from "../../../relay/worker/reports.ts";
import { temporaryFolder } from "../../support/disk.ts";
import { RelayCommand } from "../../support/clients/relay-command.ts";
import { newCode, receive, send } from "../../support/clients/clients.ts";
import { makeFile } from "../../support/files.ts";
import { RawClient, randomId, rawShare } from "../../support/relay/raw-client.ts";

/** Characters that act upon terminals, end lines, or turn the reading direction round. */
const EVIL = `"}\n{"event":"forged"}\u001b[2J\u0007\u202e\u2066\u2028\u0085\u007f\ud800`;
/** Characters that must stand in no line as they are. */
const ACTING = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/u;

/** Reports as they come, to be waited for. */
class Heard {
  readonly all: Report[] = [];
  #heard = Promise.withResolvers<void>();

  readonly report = (report: Report): void => {
    this.all.push(report);
    this.#heard.resolve();
    this.#heard = Promise.withResolvers();
  };

  async until(event: string, fields: Report["fields"] = {}): Promise<Report> {
    for (let at = 0; ;) {
      for (; at < this.all.length; at++) {
        const report = this.all[at]!;
        const isIt = Object.entries(fields).every(([name, value]) => report.fields[name] === value);
        if (report.event === event && isIt) return report;
      }
      await this.#heard.promise;
    }
  }
}

async function reporting(level: "debug" | "info"): Promise<{ relay: Relay; heard: Heard }> {
  const heard = new Heard();
  const relay = await startRelay({ workers: 2, onReport: heard.report, reportLevel: level });
  return { relay, heard };
}

/** A request written as it is. */
function ask(port: number, text: string): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const socket = connect(port, "127.0.0.1", () => socket.end(Buffer.from(text, "latin1")));
  socket.on("data", () => undefined);
  socket.on("close", () => resolve());
  socket.on("error", () => resolve());
  return promise;
}

describe("P10 a line of the log", () => {
  function linesOf(reports: readonly Report[]): string[] {
    const lines: string[] = [];
    const output = { write: (text: string) => lines.push(text), writableLength: 0 };
    const log = jsonLog(output, () => new Date(0));
    for (const report of reports) log(report);
    return lines;
  }

  test("P10 is one JSON object, whatever a peer says", () => {
    const fields = { agent: EVIL, reason: EVIL };
    const [line = "", ...more] = linesOf([{ level: "info", event: "refused", fields }]);
    expect(more).toEqual([]);
    expect(line.slice(0, -1)).not.toMatch(ACTING);
    expect(line.match(/\n/g)).toHaveLength(1);
    expect(JSON.parse(line)).toEqual({
      time: "1970-01-01T00:00:00.000Z",
      level: "info",
      event: "refused",
      ...fields,
    });
  });

  test("P10 is harmless for people too", () => {
    const text = prettyText({ level: "info", event: "refused", fields: { agent: EVIL, n: 1 } });
    expect(text).not.toMatch(ACTING);
    expect(text).toStartWith('refused agent="');
    expect(text).toEndWith(" n=1");
  });

  test("P10 is cut to so many characters, also 1 MB", () => {
    const told: Report[] = [];
    const reports = new Reports((report) => told.push(report), "info");
    const long = EVIL.repeat(50_000);
    reports.report({ level: "info", event: "refused", fields: { agent: long, count: 7 } });
    const { agent, count } = told[0]?.fields ?? {};
    expect(String(agent)).toHaveLength(REPORT_TEXT + 1);
    expect(count).toBe(7);
  });

  test("P10 is left out above so many a second, and counted", () => {
    const told: Report[] = [];
    const reports = new Reports((report) => told.push(report), "info");
    for (let at = 0; at < REPORTS_PER_SECOND + 1000; at++) {
      reports.report({ level: "info", event: "refused", fields: {} });
    }
    expect(told).toHaveLength(REPORTS_PER_SECOND);
    reports.tick(5000);
    expect(told.at(-1)).toMatchObject({ event: "reports-left-out", fields: { count: 1000 } });
    reports.report({ level: "debug", event: "socket-opened", fields: {} });
    reports.report({ level: "warn", event: "trouble", fields: {} });
    expect(told.at(-1)).toMatchObject({ event: "trouble" });
  });

  test("P10 is left out while nobody reads the log, and counted", () => {
    const lines: string[] = [];
    const output = { write: (text: string) => lines.push(text), writableLength: 0 };
    const log = jsonLog(output, () => new Date(0));
    const report: Report = { level: "info", event: "share-ended", fields: {} };
    output.writableLength = 2 ** 30;
    for (let at = 0; at < 100; at++) log(report);
    expect(lines).toEqual([]);
    output.writableLength = 0;
    log(report);
    expect(lines.map((line) => (JSON.parse(line) as Report).event)).toEqual([
      "reports-left-out",
      "share-ended",
    ]);
  });
});

describe("the log", () => {
  test("P10 no code, no name, no id, but how large and how long", async () => {
    using folder = temporaryFolder();
    const { relay, heard } = await reporting("debug");
    await using _ = relay;
    const code = newCode();
    const { path } = makeFile(folder.path, "a-name-nobody-shall-see", 100_000);
    await using sender = send({ relay: `${relay.url}/ws`, code, path });
    const out = temporaryFolder();
    await using receiver = receive({ relay: `${relay.url}/ws`, code, out: out.path });
    await Promise.all([sender.outcome, receiver.outcome]);
    out[Symbol.dispose]();
    const opened = await heard.until("share-opened");
    const ended = await heard.until("share-ended");
    expect(opened.fields).toMatchObject({ share: 1, records: 1 });
    expect(opened.fields["bytes"]).toBe(100_000);
    expect(ended.fields).toMatchObject({ share: 1, how: "done", records: 1 });
    await heard.until("socket-closed");
    const text = JSON.stringify(heard.all);
    expect(text).not.toContain("a-name-nobody");
    expect(text).not.toContain(code);
    // Nothing that could be a channel, a share or a receiver.
    expect(text).not.toMatch(/[0-9a-f]{32}/);
  });

  test("P10 a request whose host is none is a line, and no worker fails by it", async () => {
    const { relay, heard } = await reporting("debug");
    await using _ = relay;
    const heads = { old: "GET / HTTP/1.0", odd: "GET /lobby HTTP/1.1\r\nHost: a:99999" };
    for (const [agent, head] of Object.entries(heads)) {
      await ask(relay.port, `${head}\r\nUser-Agent: ${agent}\r\n\r\n`);
      const { fields } = await heard.until("refused", { agent });
      expect(fields).toMatchObject({ status: 400, address: "127.0.0.1" });
    }
    expect(heard.all.filter(({ event }) => event === "worker-failed")).toEqual([]);
  });

  test("P10 a refused client, with its words about itself; a path and ids are not told", async () => {
    const { relay, heard } = await reporting("info");
    await using _ = relay;
    const id = toHex(randomId());
    const get = `GET /c/${id}/${id} HTTP/1.1\r\nHost: relay\r\n`;
    await ask(
      relay.port,
      `${get}Origin: https://evil\r\nUser-Agent: a"\u009b31m${id}\u0085\r\n\r\n`,
    );
    const { level, fields } = await heard.until("refused");
    expect(level).toBe("info");
    expect(fields).toMatchObject({ status: 403, address: "127.0.0.1" });
    expect(prettyText({ level, event: "refused", fields })).not.toMatch(ACTING);
    expect(JSON.stringify({ ...fields, agent: "" })).not.toContain(id);
  });

  test("P10 why a socket is closed, by us and by the peer", async () => {
    const { relay, heard } = await reporting("debug");
    await using _ = relay;
    await using wrong = await RawClient.greeted(`${relay.url}/ws`, "receiver", randomId());
    wrong.send(rawShare(1).frame(0));
    await wrong.closed;
    const told = await heard.until("fault-told", { code: "wrong-role" });
    expect(told).toMatchObject({ level: "info", fields: { address: "127.0.0.1" } });
    await using leaving = await RawClient.open(`${relay.url}/ws`);
    await leaving.hello("receiver", randomId());
    leaving.socket.close(4321, "\u202egnp\u0007");
    const closed = await heard.until("socket-closed", { code: 4321 });
    expect(prettyText(closed)).not.toMatch(ACTING);
  });

  test("a worker that fails, and a drain", async () => {
    const { relay, heard } = await reporting("info");
    expect(heard.all[0]).toMatchObject({ event: "listening", fields: { workers: 2 } });
    relay.crashWorker(0);
    expect((await heard.until("worker-ended")).level).toBe("warn");
    await relay.drain(1000);
    await heard.until("draining");
    await heard.until("ended");
  });
});

test("P10 the command writes them to the standard error, one object a line", async () => {
  using folder = temporaryFolder();
  const log = `${folder.path}/log`;
  const relay = await RelayCommand.start(["--log", "json"], undefined, `exec 2>'${log}'`);
  await using _ = await RawClient.offering(relay.url, randomId(), rawShare(3));
  relay.kill("SIGTERM");
  await relay.exited;
  const lines = (await Bun.file(log).text()).trimEnd().split("\n");
  const events = lines.map((line) => (JSON.parse(line) as { event: string }).event);
  expect(events).toContain("listening");
  expect(events).toContain("share-opened");
  expect(events.at(-1)).toBe("ended");
});
