/**
 * A slice of the torture of a cluster, as the command plays it: a share over three relays and three NATS servers, with real
 * faults. `bun run torture:cluster` plays for as long as one likes.
 */
import { expect, test } from "bun:test";

import { lacks, networkNamespace } from "../../needs.ts";
import { lacksNats } from "../../support/net/nats.ts";
import { runTorture, SHARED_OPTIONS } from "../command.ts";
import { START_MS } from "../limits.ts";
import { ALL_WELL } from "../rounds.ts";
import { CLUSTER_FINISH_MS } from "./limits.ts";
import { planClusterRound } from "./plan.ts";

/** Its faults are those of KINDS. */
const SEED = "107";
const SIZE = { receivers: 6, steps: 7, bytes: 16 * 1024 ** 2, longestMs: 6000 };
const KINDS = ["cut-relays", "kill-nats", "kill-receiver", "kill-relay", "stop-relay"] as const;
/** Of a run in which everybody is late; one that goes well takes less than a minute. */
const TIMEOUT_MS = CLUSTER_FINISH_MS + 4 * START_MS;

const skipped = lacksNats || lacks(networkNamespace() !== undefined, "iproute2", "util-linux");

function words({ receivers, steps, bytes, longestMs }: typeof SIZE): string[] {
  return [
    ["--seed", SEED, "--rounds", "1", "--minutes", "60", "--receivers", String(receivers)],
    ["--faults", String(steps), "--size", String(bytes / 1024 ** 2)],
    ["--longest", String(longestMs / 1000)],
  ].flat();
}

test.skipIf(skipped)(
  "six receivers get every byte over a cluster under real faults (Linux)",
  async () => {
    const { said, complaints, exitCode } = await runTorture(import.meta.dir, words(SIZE));
    expect(complaints).toBe("");
    expect(said.split("\n").at(-1)).toBe(ALL_WELL);
    expect(exitCode).toBe(0);
  },
  TIMEOUT_MS,
);

test("its seed kills and stops relays, cuts one off from another, and kills receivers and NATS", () => {
  const { steps } = planClusterRound(SEED, 1, SIZE);
  const kinds = new Set(steps.map(({ fault }) => fault.kind));
  expect([...kinds].toSorted()).toEqual([...KINDS]);
});

test("the help names every option", async () => {
  const { said, exitCode } = await runTorture(import.meta.dir, ["--help"]);
  expect(exitCode).toBe(0);
  const options = [...SHARED_OPTIONS, "longest", "nats-server"];
  for (const option of options) expect(said).toContain(`--${option}`);
});
