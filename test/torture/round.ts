/** One share from its offer to the last copy, with faults meanwhile. */
import { mkdirSync, readFileSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { makeFile } from "../support/files.ts";
import { Receiver, Sender, type Surroundings } from "./clients.ts";
import { BALLAST, SmallDisk } from "./disk.ts";
import type { Copy } from "./history.ts";
import { FINISH_MS, RECEIPTS_MS, SPARE_BYTES, START_MS } from "./limits.ts";
import { Nemesis } from "./nemesis.ts";
import { Network } from "./network.ts";
import type { RoundPlan } from "./plan.ts";
import type { RelayUnderTest } from "./relay.ts";
import { withinMs } from "./time.ts";
import { violations } from "./verdict.ts";

export interface World extends Surroundings {
  readonly seed: string;
  /** Of the whole run. */
  readonly folder: string;
  readonly relay: RelayUnderTest;
  readonly canMount: boolean;
  readonly canDestroySockets: boolean;
  /** No more faults from then on. */
  readonly isOver: () => boolean;
}

export interface RoundResult {
  readonly faults: number;
  /** In words; none when all went as it should. */
  readonly violations: readonly string[];
}

export async function playRound(world: World, plan: RoundPlan): Promise<RoundResult> {
  const { history } = world;
  const { steps, ...rest } = plan;
  history.add({ what: "plan", seed: world.seed, plan: rest });
  const folder = join(world.folder, `round-${plan.round}`);
  mkdirSync(folder);
  await using stack = new AsyncDisposableStack();
  stack.defer(() => rmSync(folder, { recursive: true, force: true }));

  const source = makeFile(folder, plan.name, plan.bytes, plan.round);
  history.add({ what: "source", path: source.path, sha256: sha256(source.bytes) });
  const network = async (): Promise<Network> => stack.use(await Network.start(world.relay.port));
  const sender = new Sender(source.path, plan.receivers.length, await network(), world);
  stack.defer(() => sender.end());
  const code = await withinMs(START_MS, "the sender tells its code", sender.code);

  const receivers: Receiver[] = [];
  for (const each of plan.receivers) {
    const out = join(folder, each.name);
    mkdirSync(out);
    const size = 2 * plan.bytes + SPARE_BYTES;
    const isSmall = each.tight && world.canMount;
    const disk = isSmall ? stack.use(new SmallDisk(out, size, each.name, history)) : undefined;
    const options = { plan: each, network: await network(), sender, code, out, disk };
    const file = { name: plan.name, bytes: plan.bytes };
    receivers.push(new Receiver({ ...options, file }, world));
  }

  const company = new Company(plan, sender, receivers, world);
  stack.defer(() => company.end());
  const nemesis = new Nemesis({ ...world, sender, receivers });
  for (const [at, { afterMs, fault }] of steps.entries()) {
    company.arrive(at);
    if (company.hasFinished || world.isOver()) break;
    await sleep(afterMs, undefined, { signal: world.signal });
    nemesis.strike(fault);
  }
  await nemesis.calm();
  company.arrive(Infinity);
  history.add({ what: "calm" });
  await company.finish();

  for (const { name, out } of receivers) {
    history.add({ what: "copies", who: name, copies: copiesIn(out) });
    const names = readdirSync(out).filter((entry) => entry.endsWith(".partial"));
    if (names.length > 0) history.add({ what: "left over", who: name, names });
  }
  const found = violations(history.entries);
  // Here and not later: a relay that was replaced may end while all this is cleared away.
  history.nextRound();
  return { faults: nemesis.done, violations: found };
}

/** Everybody of a round: who is there, and who has finished. */
class Company {
  readonly #plan: RoundPlan;
  readonly #sender: Sender;
  readonly #receivers: readonly Receiver[];
  readonly #world: World;
  readonly #lives = new Map<Receiver, Promise<void>>();
  readonly #living = new Set<Receiver>();

  constructor(plan: RoundPlan, sender: Sender, receivers: readonly Receiver[], world: World) {
    this.#plan = plan;
    this.#sender = sender;
    this.#receivers = receivers;
    this.#world = world;
  }

  get hasFinished(): boolean {
    return this.#lives.size === this.#receivers.length && this.#living.size === 0;
  }

  /** Starts who comes before that step. */
  arrive(step: number): void {
    for (const [at, receiver] of this.#receivers.entries()) {
      if (this.#lives.has(receiver) || this.#plan.receivers[at]!.from > step) continue;
      this.#living.add(receiver);
      const life = receiver.live().finally(() => this.#living.delete(receiver));
      life.catch(() => undefined); // `finish` is told
      this.#lives.set(receiver, life);
    }
  }

  /** Waits until everybody has ended, FINISH_MS at most; who has not then is late, and is ended. */
  async finish(): Promise<void> {
    const { history, signal } = this.#world;
    const over = new AbortController();
    const tooLate = sleep(FINISH_MS, "late" as const, {
      signal: AbortSignal.any([signal, over.signal]),
    });
    tooLate.catch(() => undefined); // nobody was late
    try {
      if ((await Promise.race([this.#allEnd(), tooLate])) !== "late") return;
    } finally {
      over.abort();
    }
    for (const { name } of this.#living) history.add({ what: "late", who: name });
    if (!this.#sender.hasEnded) history.add({ what: "late", who: "sender" });
    await this.end();
  }

  /** Tells everybody who is left to end, and waits for it. */
  async end(): Promise<void> {
    const left = [...this.#living].map((receiver) => receiver.giveUp());
    await Promise.all([...left, this.#sender.giveUp()]);
    await Promise.allSettled(this.#lives.values());
  }

  async #allEnd(): Promise<void> {
    const { done, ended } = this.#sender;
    const lives = Promise.all(this.#lives.values());
    await Promise.race([lives, ended]);
    if (this.#sender.hasEnded) {
      // A receiver run again although it had everything finds no sender now, and would wait for ever.
      await Promise.all(
        [...this.#living].filter(({ isPlaced }) => isPlaced).map((receiver) => receiver.giveUp()),
      );
      await lives;
      return;
    }
    const knowsAll = this.#receivers.every(({ name }) => done.has(name));
    if (knowsAll) {
      await ended;
      return;
    }
    // A receipt may have found nobody for CONFIRM_MS; then nobody will ever bring it.
    await Promise.race([ended, sleep(RECEIPTS_MS, undefined, { signal: this.#world.signal })]);
    if (this.#receivers.every(({ name }) => done.has(name))) await ended;
    else await this.#sender.giveUp();
  }
}

function copiesIn(out: string): Copy[] {
  return readdirSync(out, { withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name !== BALLAST)
    .map(({ name }) => {
      const path = join(out, name);
      const bytes = readFileSync(path);
      return { path, bytes: bytes.length, sha256: sha256(bytes) };
    });
}

function sha256(bytes: Uint8Array): string {
  return new Bun.CryptoHasher("sha256").update(bytes).digest("hex");
}
