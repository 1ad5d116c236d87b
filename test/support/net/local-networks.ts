/** Machines in local networks: network namespaces joined by bridges that pass multicast. Needs root. */
import { fileshare, type Command } from "../clients/command.ts";

/** Names that no other run has. A name of an interface has 15 characters at most. */
const RUN = `fs${process.pid}`;

let made = 0;

/** @throws Error with the words of `ip`, when it fails */
export function ip(...words: string[]): void {
  const { exitCode, stderr } = Bun.spawnSync(["ip", ...words], { stderr: "pipe" });
  if (exitCode !== 0) throw new Error(`ip ${words.join(" ")}: ${stderr.toString()}`);
}

interface NetworkOptions {
  /** Of addresses in this network; the machine's number ends each. Default: neither. */
  readonly ipv4?: string;
  readonly ipv6?: string;
  /** Multicast reaches no other machine, as in many guest networks. */
  readonly isQuiet?: boolean;
}

/** A bridge. */
export class LocalNetwork implements Disposable {
  readonly name = `${RUN}n${made++}`;
  readonly options: NetworkOptions;
  #ports = 0;

  constructor(options: NetworkOptions) {
    this.options = options;
    ip("netns", "add", this.name);
    // A bridge that snoops waits for queries of a router, which is not here.
    ip("-n", this.name, "link", "add", "br0", "type", "bridge", "mcast_snooping", "0");
    ip("-n", this.name, "link", "set", "br0", "up");
  }

  /** Plugs a cable into both. */
  connect(machine: string, at: string, number: number): void {
    const port = `p${this.#ports++}`;
    const { ipv4, ipv6, isQuiet = false } = this.options;
    ip("-n", this.name, "link", "add", port, "type", "veth", "peer", "name", at, "netns", machine);
    ip("-n", this.name, "link", "set", port, "master", "br0", "up");
    if (isQuiet) {
      ip("-n", this.name, "link", "set", port, "type", "bridge_slave", "mcast_flood", "off");
    }
    if (ipv4 !== undefined) ip("-n", machine, "addr", "add", `${ipv4}${number}/24`, "dev", at);
    if (ipv6 === undefined)
      Bun.spawnSync([
        "ip",
        "netns",
        "exec",
        machine,
        "sysctl",
        "-qw",
        `net.ipv6.conf.${at}.disable_ipv6=1`,
      ]);
    else ip("-n", machine, "addr", "add", `${ipv6}${number}/64`, "dev", at, "nodad");
    ip("-n", machine, "link", "set", at, "up");
  }

  [Symbol.dispose](): void {
    ip("netns", "del", this.name);
  }
}

export interface Script extends AsyncDisposable {
  isRunning(): boolean;
}

export class Machine implements Disposable {
  readonly name = `${RUN}m${made++}`;
  readonly #number: number;
  readonly #home: string;

  /** @param home a folder of its own for the state of its programs */
  constructor(number: number, home: string, ...networks: readonly LocalNetwork[]) {
    this.#number = number;
    this.#home = home;
    ip("netns", "add", this.name);
    ip("-n", this.name, "link", "set", "lo", "up");
    for (const [at, network] of networks.entries()) this.connect(network, `eth${at}`);
  }

  connect(network: LocalNetwork, at: string): void {
    network.connect(this.name, at, this.#number);
  }

  /** It gets another address of IPv4 in that network, as from another lease. */
  readdress({ options }: LocalNetwork, at: string, number: number): void {
    ip("-n", this.name, "addr", "flush", "dev", at);
    ip("-n", this.name, "addr", "add", `${options.ipv4}${number}/24`, "dev", at);
  }

  /** Starts `fileshare ...args --json` on it. */
  run(args: readonly string[], env: Readonly<Record<string, string>> = {}): Command {
    const under = ["ip", "netns", "exec", this.name];
    const own = { FILESHARE_RELAY: "", XDG_STATE_HOME: this.#home, ...env };
    return fileshare(args, own, undefined, "ignore", under);
  }

  /** Starts another program of the tests, which prints a line when it is ready. */
  async script(path: string, ...args: readonly string[]): Promise<Script> {
    const command = ["ip", "netns", "exec", this.name, process.execPath, path, ...args];
    const child = Bun.spawn(command, { stdout: "pipe", stderr: "inherit" });
    const reader = child.stdout.getReader();
    await reader.read();
    reader.releaseLock();
    return {
      isRunning: () => child.exitCode === null,
      async [Symbol.asyncDispose]() {
        child.kill("SIGKILL");
        await child.exited;
      },
    };
  }

  [Symbol.dispose](): void {
    ip("netns", "del", this.name);
  }
}
