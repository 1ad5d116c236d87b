/** The faults of one relay and its clients, each of which is behind a network of its own. */
import type { Child } from "./child.ts";
import type { Receiver, Sender } from "./clients.ts";
import type { History } from "./history.ts";
import { Nemesis, type Effect } from "./nemesis.ts";
import type { Network } from "./network.ts";
import type { Fault, Target } from "./plan.ts";
import type { RelayUnderTest } from "./relay.ts";
import { destroySocket } from "./sockets.ts";

export interface Victims {
  readonly relay: RelayUnderTest;
  readonly sender: Sender;
  readonly receivers: readonly Receiver[];
  readonly history: History;
  readonly canDestroySockets: boolean;
  readonly signal: AbortSignal;
}

export class RelayNemesis extends Nemesis<Fault> {
  readonly #victims: Victims;

  constructor(victims: Victims) {
    super(victims);
    this.#victims = victims;
  }

  protected override begin(fault: Fault): Effect {
    const { relay, receivers, canDestroySockets } = this.#victims;
    switch (fault.kind) {
      case "kill-receiver": {
        const receiver = receivers[fault.receiver];
        if (receiver?.child === undefined) return { skipped: "it does not run" };
        return receiver.kill(fault.forMs);
      }
      case "kill-sender":
        if (this.#victims.sender.child === undefined) return { skipped: "it does not run" };
        return this.#victims.sender.kill(fault.forMs);
      case "freeze":
        return this.#freeze(fault.who, fault.forMs);
      case "delay":
        return this.#weather(fault, (network) => network.setDelay(fault.delayMs), calmDelay);
      case "slow":
        return this.#weather(fault, (network) => network.setRate(fault.bytesPerSecond), calmRate);
      case "reset":
        return done(this.#network(fault.who)?.reset());
      case "destroy-socket": {
        const network = this.#network(fault.who);
        if (!canDestroySockets) return done(network?.reset());
        const ports = network?.clientPorts ?? [];
        for (const port of ports) destroySocket(port, network!.port);
        return done(ports.length);
      }
      case "black-hole":
        return this.#blackHole(fault.who, fault.forMs);
      case "half-close":
        return done(this.#network(fault.who)?.halfClose(fault.way));
      case "end-relay":
        return this.alone("relay", async () => {
          await (fault.signal === "SIGKILL" ? relay.kill() : relay.replace());
          await this.pause(fault.forMs);
          await relay.run(fault.next);
        });
      case "crash-worker": {
        const crashed = !this.isBusy("relay") && relay.crash(fault.worker);
        return crashed ? Promise.resolve() : { skipped: "this relay has no such entry" };
      }
      case "fill-disk":
        return this.#fillDisk(fault.forMs);
    }
  }

  #freeze(who: Target | "relay", forMs: number): Effect {
    const child = this.#child(who);
    return child === undefined ? { skipped: "it does not run" } : this.freeze(child, forMs);
  }

  #weather(
    { kind, who, forMs }: { kind: string; who: Target; forMs: number },
    change: (network: Network) => void,
    calm: (network: Network) => void,
  ): Effect {
    const network = this.#network(who);
    if (network === undefined) return { skipped: "it is not here" };
    return this.alone(`${kind} ${who}`, async () => {
      change(network);
      try {
        await this.pause(forMs);
      } finally {
        calm(network);
      }
    });
  }

  async #hold(networks: readonly Network[], forMs: number): Promise<void> {
    for (const network of networks) network.hold();
    try {
      await this.pause(forMs);
    } finally {
      for (const network of networks) network.release();
    }
  }

  #blackHole(who: Target | "everybody", forMs: number): Effect {
    const { sender, receivers } = this.#victims;
    const all = [sender, ...receivers].map(({ network }) => network);
    const chosen = who === "everybody" ? all : [this.#network(who)];
    const networks = chosen.filter((one) => one !== undefined);
    // One after the other would be longer than a fault may last.
    return this.alone(`black-hole ${who}`, () => this.#hold(networks, forMs));
  }

  #fillDisk(forMs: number): Effect {
    const receiver = this.#victims.receivers.find(({ disk }) => disk !== undefined);
    const disk = receiver?.disk;
    if (receiver === undefined || disk === undefined) return { skipped: "no small disk" };
    return this.alone("fill-disk", async () => {
      receiver.markFull();
      await disk.fill();
      try {
        await this.pause(forMs);
      } finally {
        disk.empty();
      }
    });
  }

  #child(who: Target | "relay"): Child | undefined {
    const { relay, sender, receivers } = this.#victims;
    if (who === "relay") return this.isBusy("relay") ? undefined : relay.child;
    if (who === "sender") return sender.child;
    return receivers[who]?.child;
  }

  #network(who: Target): Network | undefined {
    const { sender, receivers } = this.#victims;
    return who === "sender" ? sender.network : receivers[who]?.network;
  }
}

const calmDelay = (network: Network): void => network.setDelay(0);
const calmRate = (network: Network): void => network.setRate(Infinity);

/** Of something that takes no time: how many lines it was done to. */
function done(lines: number | undefined): Effect {
  return lines === undefined || lines === 0 ? { skipped: "no line" } : Promise.resolve();
}
