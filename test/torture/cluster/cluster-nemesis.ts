/** The faults of a cluster: of its relays, of NATS, of the networks between them, and of its clients. */
import type { Receiver, Sender } from "../clients.ts";
import type { History } from "../history.ts";
import { Nemesis, type Effect } from "../nemesis.ts";
import type { ClusterFault, Which } from "./plan.ts";
import type { ClusterUnderTest, Server } from "./servers.ts";

export interface ClusterVictims {
  readonly cluster: ClusterUnderTest;
  readonly sender: Sender;
  readonly receivers: readonly Receiver[];
  readonly history: History;
  readonly signal: AbortSignal;
}

export class ClusterNemesis extends Nemesis<ClusterFault> {
  readonly #victims: ClusterVictims;

  constructor(victims: ClusterVictims) {
    super(victims);
    this.#victims = victims;
  }

  protected override begin(fault: ClusterFault): Effect {
    const { cluster, sender, receivers } = this.#victims;
    switch (fault.kind) {
      case "kill-receiver": {
        const receiver = receivers[fault.receiver];
        return receiver?.child === undefined ? ABSENT : receiver.kill(fault.forMs);
      }
      case "kill-sender":
        if (sender.child === undefined || !sender.canBeKilled) return ABSENT;
        return sender.kill(fault.forMs);
      case "kill-relay":
        return this.#end(this.#relay(fault.relay), "SIGKILL", fault.forMs);
      case "drain-relay":
        return this.#end(this.#relay(fault.relay), "SIGTERM", fault.forMs);
      case "kill-nats":
        return this.#end(cluster.nats[fault.nats], "SIGKILL", fault.forMs);
      case "stop-relay":
        return this.#stop(this.#relay(fault.relay), fault.forMs);
      case "stop-nats":
        return this.#stop(cluster.nats[fault.nats], fault.forMs);
      case "cut-relays":
      case "cut-relay-from-nats":
      case "cut-nats":
      case "cut-relay-from-clients":
        return this.#cut(fault, fault.forMs);
    }
  }

  /** Away from now on, and started again later. */
  #end(server: Server | undefined, signal: "SIGKILL" | "SIGTERM", forMs: number): Effect {
    const child = server?.child;
    // A relay that stands still is not told to end: it would hear of it when it goes on.
    if (child === undefined || this.isBusy(`freeze ${child.pid}`)) return ABSENT;
    return this.alone(server!.who, async () => {
      await (signal === "SIGKILL" ? child.kill() : child.tell(signal));
      await this.pause(forMs);
      await server!.start();
    });
  }

  #stop(server: Server | undefined, forMs: number): Effect {
    const child = server?.child;
    if (child === undefined || this.isBusy(server!.who)) return ABSENT;
    return this.freeze(child, forMs);
  }

  #cut(fault: Cut, forMs: number): Effect {
    const undo = this.#begun(fault);
    if (undo.length === 0) return { skipped: "it is the same machine" };
    return this.pause(forMs).finally(() => {
      for (const each of undo) each();
    });
  }

  #begun(fault: Cut): (() => void)[] {
    const { machines, nats, relays } = this.#victims.cluster;
    const between = (
      one: Server | undefined,
      others: readonly (Server | undefined)[],
      ways: "both" | "one",
      net: "outer" | "inner",
    ) =>
      others.flatMap((other) => {
        if (one === undefined || other === undefined || one === other) return [];
        return [machines.cut(one.machine, other.machine, net, ways)];
      });
    switch (fault.kind) {
      case "cut-relays":
        return between(this.#relay(fault.relay), [relays[fault.other]], fault.ways, "inner");
      case "cut-relay-from-nats": {
        const all = fault.nats === "all" ? nats : [nats[fault.nats]];
        return between(this.#relay(fault.relay), all, fault.ways, "outer");
      }
      case "cut-nats":
        return between(nats[fault.nats], [nats[fault.other]], fault.ways, "outer");
      case "cut-relay-from-clients": {
        const relay = this.#relay(fault.relay);
        return relay === undefined ? [] : [machines.cutFromClients(relay.machine)];
      }
    }
  }

  #relay(which: Which): Server | undefined {
    const { cluster, sender } = this.#victims;
    if (which !== "owner") return cluster.relays[which];
    return cluster.relays[cluster.urls.findIndex((url) => sender.relay.startsWith(url))];
  }
}

type Cut = Extract<ClusterFault, { kind: `cut-${string}` }>;

const ABSENT = { skipped: "it does not run, or stands still" } as const;
