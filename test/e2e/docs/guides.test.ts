/** The command lines of the tutorial and the guides do what the text around them says. */
import { expect, test } from "bun:test";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { startRelay, type Relay } from "../../../relay/mod.ts";
import { ownPort } from "../../support/net/own-port.ts";
import { lacksProgram } from "../../needs.ts";
import { cleanEnv } from "../../support/clients/pty.ts";
import { commandLines, read } from "../../support/documents.ts";
import { content } from "../../support/files.ts";
import { lacksNats } from "../../support/net/nats.ts";
import { ownPorts } from "../../support/net/own-port.ts";
import { until } from "../../support/until.ts";
import { TEST_MS } from "../../support/patience.ts";
import { SHELL_FILESHARE } from "../../support/clients/command-words.ts";

const CODE = "timber-magnet-sunny-cliff-oven-price-script";
const LIMIT_MS = TEST_MS;
const hasSums = !lacksProgram("sha256sum", "coreutils");

interface Running {
  readonly exited: Promise<number>;
  /** Everything that it printed, once it has ended. */
  readonly output: Promise<string>;
  /** Until it prints a line that matches. @throws Error when it ends without one */
  line(match: RegExp): Promise<string>;
  interrupt(): void;
}

/** A person's machine: a relay, a folder and an installed fileshare. */
class Desk implements AsyncDisposable {
  readonly folder = mkdtempSync(join(tmpdir(), "fileshare-guide-"));
  readonly #relay: Relay;
  readonly #children: Bun.Subprocess[] = [];

  private constructor(relay: Relay) {
    this.#relay = relay;
    const program = join(this.folder, "bin/fileshare");
    mkdirSync(join(this.folder, "bin"));
    mkdirSync(join(this.folder, "runtime"), { mode: 0o700 });
    writeFileSync(program, `#!/bin/sh\nexec ${SHELL_FILESHARE} "$@"\n`);
    chmodSync(program, 0o755);
  }

  get relay(): string {
    return this.#relay.url;
  }

  static async open(): Promise<Desk> {
    return new Desk(await startRelay());
  }

  path(name: string): string {
    return join(this.folder, name);
  }

  file(name: string, bytes: number, seed = 1): void {
    mkdirSync(join(this.path(name), ".."), { recursive: true });
    writeFileSync(this.path(name), content(seed, bytes));
  }

  /** @param machine has a memory of unfinished transfers of its own */
  run(line: string | undefined, machine = "here"): Running {
    const child = Bun.spawn(["bash", "-c", line ?? "exit 99"], {
      cwd: this.folder,
      env: {
        ...cleanEnv(),
        PATH: `${this.path("bin")}:${process.env["PATH"] ?? ""}`,
        FILESHARE_RELAY: this.#relay.url,
        FILESHARE_CODE: CODE,
        XDG_STATE_HOME: this.path(`state of ${machine}`),
        XDG_RUNTIME_DIR: this.path("runtime"),
      },
      stdin: "ignore",
      stdout: "pipe",
      stderr: "inherit",
    });
    this.#children.push(child);
    return running(child, line ?? "");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const child of this.#children) child.kill("SIGKILL");
    await Promise.all(this.#children.map(({ exited }) => exited));
    await this.#relay.stop();
    rmSync(this.folder, { recursive: true, force: true });
  }
}

function running(child: Bun.Subprocess<"ignore", "pipe", "inherit">, name: string): Running {
  let text = "";
  let news = Promise.withResolvers<void>();
  const output = (async () => {
    const decoder = new TextDecoder();
    for await (const bytes of child.stdout) {
      text += decoder.decode(bytes, { stream: true });
      news.resolve();
      news = Promise.withResolvers<void>();
    }
    return text;
  })();
  const ended = output.then(() => "ended" as const);
  return {
    exited: child.exited,
    output,
    interrupt: () => child.kill("SIGINT"),
    async line(match) {
      for (;;) {
        const next = news.promise;
        const found = text.split("\n").find((each) => match.test(each));
        if (found !== undefined) return found;
        if ((await Promise.race([next, ended])) !== "ended") continue;
        const last = text.split("\n").find((each) => match.test(each));
        if (last !== undefined) return last;
        throw new Error(`${name} ended without ${match}:\n${text}`);
      }
    },
  };
}

const all = (each: readonly Running[]): Promise<number[]> =>
  Promise.all(each.map(({ exited }) => exited));

/** Whether the link that a sender prints leads to the page. Ends the sender. */
async function opensPage(sending: Running): Promise<boolean> {
  const line = await sending.line(/https?:\S+#/);
  const link = /https?:\S+/.exec(line)?.[0] ?? "";
  const page = await fetch(link, { headers: { accept: "text/html" } });
  sending.interrupt();
  await sending.exited;
  return (await page.text()).includes('<div id="app">');
}

test(
  "the tutorial: two receivers, one of them interrupted",
  async () => {
    await using desk = await Desk.open();
    const lines = commandLines(await read("docs/tutorial/first-transfer.md"));
    const [install, relay, make, send, slow, late, ...rest] = lines.map((line) =>
      line.replace("bunx ", "").replace("300M", "60M"),
    );
    const [stay, ...compare] = rest.toReversed();
    expect([install, relay]).toEqual(["bun install", "bun run relay"]);
    expect(compare).toHaveLength(2);
    expect(await desk.run(make).exited).toBe(0);
    const sending = desk.run(send);
    await sending.line(/^ +fileshare recv /);
    const first = desk.run(`${slow} --yes --json`, "first");
    await first.line(/"event":"progress"/);
    first.interrupt();
    expect(await first.exited).toBe(130);
    const again = desk.run(`${slow} --yes --json`, "first");
    await again.line(/"event":"resumed"/);
    const second = desk.run(`${late} --yes`, "second");
    expect(await all([again, second, sending])).toEqual([0, 0, 0]);
    for (const line of compare) expect(await desk.run(line).exited).toBe(0);
    expect(await opensPage(desk.run(stay))).toBe(true);
  },
  LIMIT_MS,
);

test(
  "a class: the content waits until all have agreed",
  async () => {
    await using desk = await Desk.open();
    const lines = commandLines(await read("docs/how-to/send-to-a-class.md"));
    const [send, link, ...others] = lines;
    expect(others).toEqual([]);
    desk.file("worksheet.pdf", 300_000);
    const sending = desk.run(send?.replaceAll("30 ", "3 "));
    const students = [1, 2, 3].map((student) =>
      desk.run(`fileshare recv --yes --out ${student}`, `${student}`),
    );
    expect(await all([sending, ...students])).toEqual([0, 0, 0, 0]);
    const sheets = [1, 2, 3].map((student) => readFileSync(desk.path(`${student}/worksheet.pdf`)));
    for (const sheet of sheets) expect(Buffer.compare(sheet, content(1, 300_000))).toBe(0);
    expect(await opensPage(desk.run(link))).toBe(true);
  },
  LIMIT_MS,
);

test(
  "a lab: machines that nobody attends are filled, and brought up to date",
  async () => {
    await using desk = await Desk.open();
    const lines = commandLines(await read("docs/how-to/fill-a-lab.md"));
    const [send, fill, update, list, compare, ...others] = lines;
    expect(others).toEqual([]);
    desk.file("images/a.img", 200_000);
    desk.file("images/b.img", 100_000);
    const stays = desk.run(send);
    expect(await desk.run(fill, "lab").exited).toBe(0);
    stays.interrupt();
    expect(await stays.exited).toBe(0);
    desk.file("images/b.img", 120_000, 2);
    const changed = desk.run(send);
    const updating = desk.run(`${update} --json`, "lab");
    expect(await updating.exited).toBe(0);
    expect(await updating.output).toContain('"event":"skipped","files":1,"bytes":200000');
    expect(await desk.run(list, "lab").exited).toBe(0);
    const files = ["images/a.img: OK", "images/b.img: OK"];
    if (hasSums) {
      const compared = (await desk.run(compare).output).trim().split("\n");
      expect(compared.toSorted()).toEqual(files);
    }
    changed.interrupt();
    expect(await changed.exited).toBe(0);
    const image = readFileSync(desk.path("images-here/images/b.img"));
    expect(Buffer.compare(image, content(2, 120_000))).toBe(0);
  },
  LIMIT_MS,
);

test(
  "unfinished transfers are listed, resumed and forgotten",
  async () => {
    await using desk = await Desk.open();
    const lines = commandLines(await read("docs/how-to/resume-a-transfer.md"));
    const [recv, list, resume, forget, ...others] = lines;
    expect(others).toEqual([]);
    desk.file("big.iso", 3_000_000);
    const sending = desk.run("fileshare send big.iso");
    while (!(await desk.run(list).output).includes("big.iso"));
    sending.interrupt();
    expect(await sending.exited).toBe(130);
    expect(await desk.run(list).output).toContain("big.iso");
    const resumed = desk.run(resume);
    const receiving = desk.run(`${recv} --yes --out inbox`, "there");
    expect(await all([resumed, receiving])).toEqual([0, 0]);
    expect(statSync(desk.path("inbox/big.iso")).size).toBe(3_000_000);
    const other = desk.run("fileshare send big.iso --new");
    while (!(await desk.run(list).output).includes("big.iso"));
    other.interrupt();
    await other.exited;
    expect(await desk.run(forget).exited).toBe(0);
    expect(await desk.run(list).output).not.toContain("big.iso");
  },
  LIMIT_MS,
);

// Debian has nats-server where root's PATH leads.
test.skipIf(lacksNats)(
  "a cluster: two relays and NATS on one machine",
  async () => {
    await using desk = await Desk.open();
    const lines = commandLines(await read("docs/how-to/run-a-cluster.md"));
    const [natsPort = 0, admin = 0, ...ports] = await ownPorts(6);
    const own = new Map(["8000", "8001", "8100", "8101"].map((port, at) => [port, ports[at]]));
    const [secret, nats, one, two, status, send, recv, ...others] = lines.map((line) =>
      line
        .replace("nats://127.0.0.1:4222", `nats://127.0.0.1:${natsPort}`)
        .replace("127.0.0.1:8999", `127.0.0.1:${admin}`)
        .replaceAll(/\b8[01]0[01]\b/g, (port) => `${own.get(port)}`),
    );
    expect(others).toEqual([]);
    expect(await desk.run(secret).exited).toBe(0);
    desk.run(`PATH=$PATH:/usr/sbin exec ${nats} --port ${natsPort} 2>/dev/null`);
    const relays = [`${one} --admin 127.0.0.1:${admin}`, two].map((line) => {
      return desk.run(`exec ${line} --host 127.0.0.1 --json --log json 2>&1`);
    });
    for (const relay of relays) {
      await relay.line(/"listening"/);
      await relay.line(/"directory-connected"/);
    }
    await until(async () => {
      const list = await desk.run(status).output;
      return [8100, 8101].every((port) => list.includes(`127.0.0.1:${own.get(`${port}`)}`));
    });
    desk.file("report.pdf", 500_000);
    const sending = desk.run(send);
    const receiving = desk.run(`${recv} --yes --out inbox`, "there");
    expect(await all([sending, receiving])).toEqual([0, 0]);
    expect(readFileSync(desk.path("inbox/report.pdf"))).toEqual(Buffer.from(content(1, 500_000)));
    for (const relay of relays) relay.interrupt();
    expect(await all(relays)).toEqual([0, 0]);
  },
  LIMIT_MS,
);

test(
  "a share is stored, seen and deleted, at a relay that the operator's guide starts",
  async () => {
    await using desk = await Desk.open();
    const [start = "", add, ...further] = commandLines(await read("docs/how-to/store-shares.md"));
    expect(further).toEqual([]);
    const place = start.replace("/var/lib/fileshare/store", desk.path("store"));
    const relay = desk.run(`${place} --host 127.0.0.1 --port 0 --json`);
    const { url } = JSON.parse(await relay.line(/"listening"/)) as { url: string };
    expect(await desk.run(add).exited).toBe(0);
    const lines = commandLines(await read("docs/how-to/share-for-a-week.md"));
    const [send, stored, revoke, ...others] = lines;
    expect(others).toEqual([]);
    desk.file("report.pdf", 500_000);
    expect(await desk.run(`${send} --relay ${url}`).exited).toBe(0);
    const receiving = desk.run(`fileshare recv --yes --out inbox --relay ${url}`, "there");
    expect(await receiving.exited).toBe(0);
    expect(statSync(desk.path("inbox/report.pdf")).size).toBe(500_000);
    const listed = await desk.run(stored).output;
    expect(listed).toContain("report.pdf");
    expect(listed).toContain("1 of 30 downloads used");
    expect(await desk.run(revoke).exited).toBe(0);
    expect(await desk.run(stored).output).not.toContain("report.pdf");
    relay.interrupt();
    expect(await relay.exited).toBe(0);
  },
  LIMIT_MS,
);

test(
  "scripts: events, pipes and a check",
  async () => {
    await using desk = await Desk.open();
    const lines = commandLines(await read("docs/how-to/use-in-scripts.md"));
    const [send, recv, pack, unpack, several, doctor, ...others] = lines;
    expect(others).toEqual([]);
    desk.file("big.iso", 500_000);
    desk.file("src/a.ts", 10_000);
    const sending = desk.run(send);
    await sending.line(/"event":"code"/);
    mkdirSync(desk.path("inbox"));
    const receiving = desk.run(`cd inbox && ${recv}`, "there");
    expect(await all([sending, receiving])).toEqual([0, 0]);
    await receiving.line(/"event":"saved"/);
    const packing = desk.run(pack);
    const unpacking = desk.run(`cd inbox && ${unpack}`, "there");
    expect(await all([packing, unpacking])).toEqual([0, 0]);
    expect(existsSync(desk.path("inbox/src/a.ts"))).toBe(true);
    const gone = `ws://127.0.0.1:${await ownPort()}`;
    const list = several?.replace("wss://one.example,wss://two.example", `${gone},${desk.relay}`);
    const resending = desk.run(`${list} --json`);
    await resending.line(/"event":"relay".*"online":true/);
    expect(await all([resending, desk.run(`cd inbox && ${recv}`, "there")])).toEqual([0, 0]);
    expect(await desk.run(doctor).exited).toBe(0);
  },
  LIMIT_MS,
);

test(
  "an operator sees a relay, ends a share and bans an address",
  async () => {
    await using desk = await Desk.open();
    const lines = commandLines(await read("docs/how-to/run-a-public-relay.md"));
    const [start, status, kill, ban, unban, ...others] = lines.filter((line) =>
      line.startsWith("fileshare "),
    );
    expect(others).toEqual([]);
    const relay = desk.run(`${start} --port 0 --json`);
    const { url } = JSON.parse(await relay.line(/"listening"/)) as { url: string };
    desk.file("big.iso", 1000);
    const sending = desk.run(`fileshare send big.iso --stay --relay ${url}`);
    await sending.line(/^Using the relay/);
    let share: number | undefined;
    while (share === undefined) {
      const said = await desk.run(`${status} --json`).output;
      const { shares } = JSON.parse(said) as { shares: { list: { number: number }[] } };
      share = shares.list[0]?.number;
    }
    expect(await desk.run(status).output).toContain("share");
    expect(await desk.run(kill?.replace("12", `${share}`)).exited).toBe(0);
    expect(await sending.exited).toBe(1);
    for (const line of [ban, unban]) expect(await desk.run(line).exited).toBe(0);
    relay.interrupt();
    expect(await relay.exited).toBe(0);
  },
  LIMIT_MS,
);
