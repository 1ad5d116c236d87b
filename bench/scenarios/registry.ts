/** All scenarios, in the order in which they run. */
import type { ScenarioName } from "../result.ts";
import { attack } from "./attack.ts";
import { churn } from "./churn.ts";
import { cluster } from "./cluster.ts";
import { distance } from "./distance.ts";
import { fanout } from "./fanout.ts";
import { idle } from "./idle.ts";
import { large } from "./large.ts";
import { late } from "./late.ts";
import type { Scenario } from "./scenario.ts";
import { slow } from "./slow.ts";
import { small } from "./small.ts";
import { stored } from "./stored.ts";
import { transfer } from "./transfer.ts";

export const scenarios: readonly Scenario[] = [
  fanout,
  slow,
  late,
  churn,
  attack,
  large,
  small,
  transfer,
  distance,
  idle,
  stored,
  cluster,
];

/** The scenarios of a run without arguments, which has to end within 5 minutes on 2 cores. */
export const standard: readonly ScenarioName[] = ["fanout", "slow", "late", "churn", "idle"];
