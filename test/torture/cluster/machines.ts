/**
 * Machines in two networks: network namespaces with cables to two bridges. Clients and NATS are in the outer network, which relays are in
 * too, and the inner one is for relays alone, so that the kernel counts what crosses between them. Two machines that do not
 * reach each other know a wrong hardware address: packets are lost in silence, as behind a broken switch.
 */
import { ip } from "../../support/net/local-networks.ts";

/** The last number of addresses of machines. */
const FIRST = 11;
/** Of clients in the outer network, who are in the namespace of the run itself. */
const CLIENTS = "10.77.0.1";
const OUTER = "10.77.0.";
const INNER = "10.77.1.";
/** No machine has it. */
const NOWHERE = "02:00:00:00:00:01";

export type Net = "outer" | "inner";

/** A machine's way to an address. */
interface Way {
  readonly from: Machine;
  readonly to: string;
  readonly net: Net;
}

export class Machines {
  readonly #all: Machine[] = [];
  /** How often each way is cut at present. */
  readonly #cuts = new Map<string, number>();

  /** In a network and mount namespace of its own. */
  constructor() {
    // The names of namespaces are files there, and the machine's own folder belongs to somebody else.
    const mount = ["mount", "-t", "tmpfs", "none", "/run"];
    if (Bun.spawnSync(mount).exitCode !== 0) throw new Error("can't mount /run");
    ip("link", "set", "lo", "up");
    for (const bridge of ["outer", "inner"]) {
      ip("link", "add", bridge, "type", "bridge", "mcast_snooping", "0");
      ip("link", "set", bridge, "up");
    }
    ip("addr", "add", `${CLIENTS}/24`, "dev", "outer");
  }

  add(name: string, nets: readonly Net[]): Machine {
    const number = FIRST + this.#all.length;
    const machine: Machine = { name, outer: `${OUTER}${number}`, inner: `${INNER}${number}` };
    ip("netns", "add", name);
    ip("-n", name, "link", "set", "lo", "up");
    for (const net of nets) {
      const port = `${net}${number}`;
      ip("link", "add", port, "type", "veth", "peer", "name", net, "netns", name);
      ip("link", "set", port, "master", net, "up");
      ip("-n", name, "addr", "add", `${machine[net]}/24`, "dev", net);
      ip("-n", name, "link", "set", net, "up");
    }
    this.#all.push(machine);
    return machine;
  }

  /** Bytes that came to a machine from a network since it was added. */
  came(machine: Machine, net: Net): number {
    const words = ["ip", "-n", machine.name, "-s", "-j", "link", "show", net];
    const shown = JSON.parse(Bun.spawnSync(words).stdout.toString()) as [
      { readonly stats64: { readonly rx: { readonly bytes: number } } },
    ];
    return shown[0].stats64.rx.bytes;
  }

  /** Between two machines; to both or to the second alone. @returns undoes it */
  cut(one: Machine, other: Machine, net: Net, ways: "both" | "one"): () => void {
    const there: Way = { from: one, to: other[net], net };
    const back: Way = { from: other, to: one[net], net };
    return this.#cut(ways === "both" ? [there, back] : [there]);
  }

  /** A machine's words do not reach clients. */
  cutFromClients(machine: Machine): () => void {
    return this.#cut([{ from: machine, to: CLIENTS, net: "outer" }]);
  }

  #cut(ways: readonly Way[]): () => void {
    for (const way of ways) this.#count(way, 1);
    return () => {
      for (const way of ways) this.#count(way, -1);
    };
  }

  #count({ from, to, net }: Way, by: 1 | -1): void {
    const key = `${from.name} ${to}`;
    const cuts = (this.#cuts.get(key) ?? 0) + by;
    this.#cuts.set(key, cuts);
    const neighbour = ["-n", from.name, "neigh"];
    if (cuts === 1 && by === 1) {
      ip(...neighbour, "replace", to, "lladdr", NOWHERE, "dev", net, "nud", "permanent");
    } else if (cuts === 0) {
      ip(...neighbour, "del", to, "dev", net);
    }
  }
}

export interface Machine {
  readonly name: string;
  readonly outer: string;
  readonly inner: string;
}

/** A command as a process of a machine. Its id is that of the process itself. */
export function on({ name }: Machine, command: readonly string[]): string[] {
  return ["ip", "netns", "exec", name, ...command];
}
