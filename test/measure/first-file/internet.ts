/** The rest of the world, for machines that have nothing yet: a mirror of downloads, and relays of the tools. */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { Authority } from "../../support/net/certificates.ts";
import { Machine, type LocalNetwork } from "../../support/net/local-networks.ts";
import type { MirrorSettings, Taken } from "./mirror.ts";

/** Of its address in the network. */
const NUMBER = 99;
/** ms that a relay of a tool may take to listen */
const LISTEN_MS = 30_000;
const RETRY_MS = 100;

export type Files = MirrorSettings["files"];

/** A relay that a tool finds at a public address. */
export interface PublicRelay {
  readonly host: string;
  readonly command: readonly string[];
  readonly port: number;
}

export class Internet implements AsyncDisposable {
  readonly hosts: readonly string[];
  readonly address: string;
  /** Trusted by the machines. */
  readonly authority = new Authority();
  /** Addresses that machines asked for in vain. */
  readonly missed = new Set<string>();
  readonly #machine: Machine;
  readonly #folder: string;
  readonly #children: Bun.Subprocess[] = [];
  readonly #taken = new Map<string, number>();

  constructor(network: LocalNetwork, folder: string, hosts: readonly string[]) {
    this.#folder = join(folder, "internet");
    mkdirSync(this.#folder, { recursive: true });
    this.#machine = new Machine(NUMBER, this.#folder, network);
    this.address = `${network.options.ipv4}${NUMBER}`;
    this.hosts = hosts;
  }

  async serve(files: Files, rate: number): Promise<void> {
    const { cert, key } = this.authority.issue({ names: this.hosts });
    const path = join(this.#folder, "mirror.json");
    writeFileSync(path, JSON.stringify({ rate, cert, key, files } satisfies MirrorSettings));
    const { promise: ready, resolve } = Promise.withResolvers<void>();
    const script = join(import.meta.dir, "mirror.ts");
    const child = Bun.spawn(this.#inside([process.execPath, script, path]), {
      stdio: ["ignore", "inherit", "inherit"],
      ipc: (message: Taken | string) => {
        if (message === "ready") resolve();
        else if (typeof message === "string") this.missed.add(message);
        else this.#note(message);
      },
    });
    this.#children.push(child);
    await ready;
  }

  async relay({ command, port }: PublicRelay): Promise<void> {
    const env = { PATH: process.env["PATH"] ?? "", HOME: this.#folder };
    this.#children.push(
      Bun.spawn(this.#inside(command), {
        cwd: this.#folder,
        env,
        stdout: "ignore",
        stderr: "ignore",
      }),
    );
    const knock = ["bash", "-c", `exec 3<>/dev/tcp/127.0.0.1/${port}`];
    const end = performance.now() + LISTEN_MS;
    while (Bun.spawnSync(this.#inside(knock), { stderr: "ignore" }).exitCode !== 0) {
      if (performance.now() > end) throw new Error(`${command.join(" ")} does not listen`);
      await Bun.sleep(RETRY_MS);
    }
  }

  /** Bytes that a machine downloaded, all in all. */
  takenBy(address: string): number {
    return this.#taken.get(address) ?? 0;
  }

  #note({ address, bytes }: Taken): void {
    this.#taken.set(address, this.takenBy(address) + bytes);
  }

  #inside(command: readonly string[]): string[] {
    return ["ip", "netns", "exec", this.#machine.name, ...command];
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const child of this.#children) child.kill("SIGKILL");
    for (const child of this.#children) await child.exited;
    this.#machine[Symbol.dispose]();
  }
}
