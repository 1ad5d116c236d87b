/** One share over a cluster, from its offer to the last copy, with faults meanwhile. */
import { mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";

import { content, makeFile } from "../../support/files.ts";
import { Receiver, Sender, type SenderOptions } from "../clients.ts";
import { Company, lookAt } from "../company.ts";
import { copyAt } from "../copies.ts";
import type { Entry } from "../history.ts";
import { START_MS } from "../limits.ts";
import type { Ground } from "../rounds.ts";
import { withinMs } from "../time.ts";
import { ClusterNemesis } from "./cluster-nemesis.ts";
import { clusterViolations } from "./cluster-verdict.ts";
import { CLUSTER_FINISH_MS, LOOK_MS, STREAM_EVERY_MS, STREAM_PIECE_BYTES } from "./limits.ts";
import type { ClusterFault, ClusterPlan } from "./plan.ts";
import { revoke } from "./revoker.ts";
import type { ClusterUnderTest, Server } from "./servers.ts";

export interface ClusterWorld extends Ground {
  readonly cluster: ClusterUnderTest;
}

export interface ClusterResult {
  readonly faults: ReadonlyMap<ClusterFault["kind"], number>;
  readonly violations: readonly string[];
  /** Copies that are equal to what was sent. */
  readonly equal: number;
  /** Receivers of a stream that were away too long. */
  readonly missed: number;
  /** The most that a relay got of the share, in parts of it, and the most memory of one in bytes. */
  readonly crossed: number;
  readonly memory: number;
}

export async function playClusterRound(
  world: ClusterWorld,
  plan: ClusterPlan,
): Promise<ClusterResult> {
  const { history, cluster } = world;
  const { steps, ...rest } = plan;
  history.add({ what: "plan", seed: world.seed, plan: rest });
  const folder = join(world.folder, `round-${plan.round}`);
  mkdirSync(folder);
  await using stack = new AsyncDisposableStack();
  stack.defer(() => rmSync(folder, { recursive: true, force: true }));

  const path = makeSource(folder, plan);
  const source = copyAt(path);
  history.add({ what: "source", ...source });
  const relaysOf = (numbers: readonly number[]): string =>
    numbers.map((number) => cluster.urls[number]).join(",");
  const state = join(folder, "state");
  const sender = new Sender(
    {
      ...whatToSend(path, plan),
      relay: relaysOf(plan.senderRelays),
      state,
    },
    world,
  );
  stack.defer(() => sender.end());
  const code = await withinMs(START_MS, "the sender tells its code", sender.code);
  const receivers = plan.receivers.map((each) => {
    const out = join(folder, each.name);
    mkdirSync(out);
    const file = { name: plan.name, bytes: source.bytes };
    return new Receiver(
      { plan: each, relay: relaysOf(each.relays), sender, code, out, file },
      world,
    );
  });

  const company = new Company(plan, sender, receivers, world, CLUSTER_FINISH_MS);
  stack.defer(() => company.end());
  const before = cluster.relays.map((_, number) => countsOf(cluster, number));
  const memory = stack.use(new MemoryWatch(cluster.relays));
  const nemesis = new ClusterNemesis({ ...world, sender, receivers });
  await company.endure(steps, nemesis, world.isOver);
  await company.finish();
  if (sender.isStoring) await revoke(code, state, world);

  lookAt(receivers, world);
  for (const [number, { who }] of cluster.relays.entries()) {
    const now = countsOf(cluster, number);
    const { came, lost } = before[number]!;
    // A sender's share goes by any relay to the one that stores it, and may be read again later.
    const times = 1 + (now.lost - lost) + sender.connections + (sender.isStoring ? 1 : -1);
    history.add({ what: "crossed", who, bytes: now.came - came, times });
    history.add({ what: "memory", who, bytes: memory.most.get(who) ?? 0 });
  }
  const result = { faults: nemesis.done, ...sumOf(history.entries) };
  history.nextRound();
  return result;
}

function makeSource(folder: string, { name, bytes, round, content: kind }: ClusterPlan): string {
  if (kind !== "folder") return makeFile(folder, name, bytes, round).path;
  const path = join(folder, name);
  mkdirSync(join(path, "empty"), { recursive: true });
  // Each takes half of what is left, so there are large and small ones.
  for (let left = bytes, at = 0; left > 0; at++) {
    const size = left < 1000 ? left : Math.ceil(left / 2);
    const inner = join(path, `${at % 3}`);
    mkdirSync(inner, { recursive: true });
    makeFile(inner, `${at}.bin`, size, round * 100 + at);
    left -= size;
  }
  return path;
}

function whatToSend(
  path: string,
  plan: ClusterPlan,
): Pick<SenderOptions, "what" | "receivers" | "input"> {
  if (plan.content === "stored") return { what: [path] };
  const receivers = plan.receivers.length;
  if (plan.content !== "stream") return { what: [path], receivers };
  const all = content(plan.round, plan.bytes);
  const pieces = Array.from({ length: Math.ceil(all.length / STREAM_PIECE_BYTES) }, (_, at) =>
    all.subarray(at * STREAM_PIECE_BYTES, (at + 1) * STREAM_PIECE_BYTES),
  );
  const waits = ["--wait-for", String(receivers)];
  return {
    receivers,
    what: ["-", "--name", plan.name, ...waits],
    input: { pieces, everyMs: STREAM_EVERY_MS },
  };
}

/** Bytes that a relay got from the others, and how often it lost its records or its way to the others. */
function countsOf({ machines, relays, breaks }: ClusterUnderTest, number: number) {
  const { machine, starts } = relays[number]!;
  return { came: machines.came(machine, "inner"), lost: starts + breaks[number]!.count };
}

/** The most memory that each relay has, looked at again and again. */
class MemoryWatch implements Disposable {
  readonly most = new Map<string, number>();
  readonly #timer: NodeJS.Timeout;

  constructor(relays: readonly Server[]) {
    this.#timer = setInterval(() => {
      for (const { who, memory } of relays) {
        if (memory > (this.most.get(who) ?? 0)) this.most.set(who, memory);
      }
    }, LOOK_MS);
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
  }
}

function sumOf(entries: readonly Entry[]): Omit<ClusterResult, "faults"> {
  const source = entries.find((entry) => entry.what === "source");
  let equal = 0;
  let missed = 0;
  let crossed = 0;
  let memory = 0;
  for (const entry of entries) {
    if (entry.what === "copies") {
      if (entry.copies.some(({ sha256 }) => sha256 === source?.sha256)) equal++;
      else missed++;
    }
    if (entry.what === "crossed") crossed = Math.max(crossed, entry.bytes / (source?.bytes ?? 1));
    if (entry.what === "memory") memory = Math.max(memory, entry.bytes);
  }
  return { violations: clusterViolations(entries), equal, missed, crossed, memory };
}
