/** All scenarios, in the order in which they run. */
import type { ScenarioName } from "../result.ts";
import { fanout } from "./fanout.ts";
import type { Scenario } from "./scenario.ts";

export const scenarios: readonly Scenario[] = [fanout];

/** Those of a run without arguments, which shall end within 5 minutes on 2 cores. */
export const standard: readonly ScenarioName[] = ["fanout"];
