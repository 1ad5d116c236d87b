/**
 * A person at a machine with nothing installed: a shell in a terminal, an empty home, an empty /usr/local, and each key
 * counted as it is typed. Mounts belong to the shell alone, so the real machine keeps its files.
 */
import { appendFileSync, cpSync, mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { openProgram, type Pty } from "../../support/clients/pty.ts";
import { Machine, type LocalNetwork } from "../../support/net/local-networks.ts";
import type { Internet } from "./internet.ts";

/** How a code reaches the other machine: key by key, with Tab for the rest of a word, pasted, or as a QR code. */
export type Mode = "typed" | "tab" | "pasted" | "scanned";

/** Wide enough for the longest ticket, so that no line is broken. */
const COLUMNS = 600;
const ROWS = 60;
/** Number of its machine. */
export const SENDER = 1;
/** ms that any step may take, at any rate */
const STEP_MS = 300_000;
/** As Debian has it for root. */
const PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
const CERTIFICATES = "ssl/certs/ca-certificates.crt";
/** Debian may have one of the tools, and a fresh machine has none. */
const HIDDEN = ["/usr/bin/wormhole", "/usr/bin/croc", "/usr/bin/sendme", "/usr/bin/fileshare"];

/** The shell numbers its commands. */
const PROMPT = "[\\#]> ";
const promptAfter = (commands: number): string => `[${commands + 1}]>`;

export interface Belongings {
  /** Programs that the way starts from, by their names: put into /usr/local/bin. */
  readonly programs?: Readonly<Record<string, string>>;
  readonly env?: Readonly<Record<string, string>>;
}

export class Person implements AsyncDisposable {
  readonly home: string;
  readonly address: string;
  /** The network namespace. */
  readonly machine: string;
  keys = 0;
  pastes = 0;
  clicks = 0;
  lines = 0;
  readonly isSender: boolean;
  readonly #own: Machine;
  readonly #pty: Pty;
  /** Lines that no person would type. */
  #uncounted = 0;

  constructor(
    number: number,
    folder: string,
    network: LocalNetwork,
    internet: Internet,
    has: Belongings,
  ) {
    this.isSender = number === SENDER;
    const own = join(folder, `machine-${number}`);
    this.home = join(own, "root");
    const [etc, local] = [join(own, "etc"), join(own, "local")];
    mkdirSync(this.home, { recursive: true });
    mkdirSync(join(local, "bin"), { recursive: true });
    for (const [name, path] of Object.entries(has.programs ?? {})) {
      symlinkSync(path, join(local, "bin", name));
    }
    cpSync("/etc", etc, { recursive: true, verbatimSymlinks: true });
    const names = internet.hosts.map((host) => `${internet.address} ${host}\n`);
    writeFileSync(join(etc, "hosts"), `127.0.0.1 localhost\n${names.join("")}`);
    appendFileSync(join(etc, CERTIFICATES), internet.authority.cert);
    this.#own = new Machine(number, this.home, network);
    this.machine = this.#own.name;
    this.address = `${network.options.ipv4}${number}`;
    const mounts = [
      `mount --bind ${etc} /etc`,
      `mount --bind ${local} /usr/local`,
      ...HIDDEN.map((path) => `{ [ ! -e ${path} ] || mount --bind /dev/null ${path}; }`),
      `mount --bind ${this.home} /root`,
      "cd /root",
    ];
    const env = {
      HOME: "/root",
      PATH,
      TERM: "xterm-256color",
      LANG: "C.UTF-8",
      PS1: PROMPT,
      ...has.env,
    };
    const words = Object.entries(env).map(([name, value]) => `'${name}=${value}'`);
    const shell = `exec env -i ${words.join(" ")} bash --noprofile --norc -i`;
    const command = [
      "ip",
      "netns",
      "exec",
      this.machine,
      "sh",
      "-c",
      [...mounts, shell].join(" && "),
    ];
    this.#pty = openProgram(command, { columns: COLUMNS, rows: ROWS });
  }

  /** The shell is there, and none of the tools. */
  async begins(tools: readonly string[]): Promise<void> {
    await this.shows(promptAfter(0));
    for (const tool of tools) {
      const said = await this.#quietly(`[ ! -x "$(command -v ${tool})" ] || echo yes`);
      if (said !== "") throw new Error(`${tool} is here already`);
    }
    this.keys = this.lines = this.pastes = this.clicks = 0;
  }

  /** Types a line, and waits for the shell's next prompt. */
  async runs(line: string): Promise<void> {
    this.starts(line);
    await this.done();
  }

  /** @param beside words that only this measurement needs, not counted */
  starts(line: string, beside = ""): void {
    this.types(line);
    this.#pty.type(beside);
    this.enters();
    this.lines++;
  }

  types(keys: string): void {
    this.keys += keys.length;
    this.#pty.type(keys);
  }

  enters(): void {
    this.types("\r");
  }

  pastesText(text: string): void {
    this.pastes++;
    this.#pty.type(text);
  }

  /** The shell shows its next prompt. */
  async done(): Promise<void> {
    await this.shows(promptAfter(this.lines + this.#uncounted));
  }

  /** Ends the shell, so that all that waits for its screen fails. */
  async leaves(): Promise<void> {
    await this.#pty[Symbol.asyncDispose]();
  }

  /** @returns the first group of what is on the screen */
  async reads(what: RegExp): Promise<string> {
    await this.shows(what);
    return what.exec(this.#pty.grid().join("\n"))?.[1] ?? "";
  }

  async shows(what: string | RegExp): Promise<void> {
    const { promise, reject } = Promise.withResolvers<never>();
    const timer = setTimeout(() => {
      reject(new Error(`${String(what)} did not come:\n${this.#pty.grid().join("\n")}`));
    }, STEP_MS);
    try {
      await Promise.race([this.#pty.shows(what), promise]);
    } finally {
      clearTimeout(timer);
    }
  }

  async #quietly(line: string): Promise<string> {
    const path = join(this.home, ".said");
    this.#pty.type(`{ ${line}; } >/root/.said\r`);
    await this.shows(promptAfter(++this.#uncounted));
    return (await Bun.file(path).text()).trim();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#pty[Symbol.asyncDispose]();
    this.#own[Symbol.dispose]();
  }
}
