/** One share from its offer to the last copy, with faults meanwhile. */
import { mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { makeFile } from "../support/files.ts";
import { Receiver, Sender } from "./clients.ts";
import { Company, lookAt } from "./company.ts";
import { copyAt } from "./copies.ts";
import { SmallDisk } from "./disk.ts";
import { FINISH_MS, SPARE_BYTES, START_MS } from "./limits.ts";
import { RelayNemesis } from "./relay-nemesis.ts";
import { Network } from "./network.ts";
import type { RoundPlan } from "./plan.ts";
import type { RelayUnderTest } from "./relay.ts";
import type { Ground } from "./rounds.ts";
import { withinMs } from "./time.ts";
import { violations } from "./verdict.ts";

export interface World extends Ground {
  readonly relay: RelayUnderTest;
  readonly canMount: boolean;
  readonly canDestroySockets: boolean;
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
  history.add({ what: "source", ...copyAt(source.path) });
  const connected = async (): Promise<{ relay: string; network: Network }> => {
    const network = stack.use(await Network.start(world.relay.port));
    return { relay: network.url, network };
  };
  const sender = new Sender(
    {
      what: [source.path],
      receivers: plan.receivers.length,
      state: join(folder, "state"),
      ...(await connected()),
    },
    world,
  );
  stack.defer(() => sender.end());
  const code = await withinMs(START_MS, "the sender tells its code", sender.code);

  const receivers: Receiver[] = [];
  for (const each of plan.receivers) {
    const out = join(folder, each.name);
    mkdirSync(out);
    const size = 2 * plan.bytes + SPARE_BYTES;
    const isSmall = each.tight && world.canMount;
    const disk = isSmall ? stack.use(new SmallDisk(out, size, each.name, history)) : undefined;
    const options = { plan: each, ...(await connected()), sender, code, out, disk };
    const file = { name: plan.name, bytes: plan.bytes };
    receivers.push(new Receiver({ ...options, file }, world));
  }

  const company = new Company(plan, sender, receivers, world, FINISH_MS);
  stack.defer(() => company.end());
  const nemesis = new RelayNemesis({ ...world, sender, receivers });
  await company.endure(steps, nemesis, world.isOver);
  await company.finish();

  lookAt(receivers, world);
  const found = violations(history.entries);
  // Here and not later: a relay that was replaced may end while all this is cleared away.
  history.nextRound();
  return { faults: nemesis.count, violations: found };
}
