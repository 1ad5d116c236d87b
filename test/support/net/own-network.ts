/** A machine in a network of its own: a network namespace, so no test meets a relay of the real one. Needs root. */
import { ended, start } from "../clients/program.ts";
import { ip } from "./local-networks.ts";

type Options = Parameters<typeof start>[1];

let made = 0;

/** Where it is in its network. Documentation has such addresses. */
export const OWN_ADDRESS = "192.0.2.7";

export class OwnNetwork implements Disposable {
  readonly #name = `fsown${process.pid}n${made++}`;
  readonly #children: ReturnType<typeof start>[] = [];

  /** @param isAlone it has the loopback, and no network */
  constructor(isAlone = false) {
    ip("netns", "add", this.#name);
    this.#ip("link", "set", "lo", "up");
    if (isAlone) return;
    this.addInterface("eth0", OWN_ADDRESS);
    this.#ip("route", "add", "default", "dev", "eth0");
  }

  addInterface(name: string, address: string): void {
    this.#ip("link", "add", name, "type", "veth", "peer", "name", `${name}peer`);
    this.#ip("link", "set", `${name}peer`, "up");
    this.#ip("addr", "add", `${address}/24`, "dev", name);
    this.#ip("link", "set", name, "up");
  }

  #ip(...words: string[]): void {
    ip("-n", this.#name, ...words);
  }

  /** The command line on this machine, as `start` runs it. */
  start(args: readonly string[], options: Options = {}): ReturnType<typeof start> {
    const shell = `exec ip netns exec ${this.#name} "$@"`;
    const child = start(args, { ...options, shell });
    this.#children.push(child);
    return child;
  }

  run(args: readonly string[], options: Options = {}): ReturnType<typeof ended> {
    return ended(this.start(args, options));
  }

  /** Another program on this machine. */
  program(command: readonly string[]) {
    return Bun.spawn(["ip", "netns", "exec", this.#name, ...command], {
      stdin: "ignore",
      stdout: "pipe",
      stderr: "inherit",
    });
  }

  [Symbol.dispose](): void {
    for (const child of this.#children) child.kill("SIGKILL");
    ip("netns", "del", this.#name);
  }
}
