/** Receivers whose lines are cut again and again, beside others whose are not. */
import { sendableSize } from "../load/frame-share.ts";
import { measureLoad } from "../load-run.ts";
import { own, type Options } from "../options.ts";
import type { SystemName } from "../result.ts";
import { systemOf } from "../systems/registry.ts";
import { workersOf, type Case, type Scenario } from "./scenario.ts";

const MiB = 1024 ** 2;
const CHURNING = [16];

export const churn: Scenario = {
  name: "churn",
  summary: "receivers whose connections break again and again",
  systems: ["fileshare"],
  options: [
    {
      name: "churn-healthy",
      kind: "count",
      standard: [8],
      help: "number of receivers that are not cut",
    },
    { name: "churn-every", kind: "bytes", standard: [10 * MiB], help: "bytes between two cuts" },
    { name: "churn-size", kind: "bytes", standard: [128 * MiB], help: "size of the source" },
  ],
  cases(options: Options, systems: readonly SystemName[]): Case[] {
    const size = sendableSize(options.size ?? own(options, "churn-size"));
    // A line that brings less than a record and its beginning brings nobody further.
    const afterBytes = Math.max(2 * MiB, own(options, "churn-every"));
    const healthy = own(options, "churn-healthy");
    return (options.receivers ?? CHURNING).flatMap((churning) =>
      systems.flatMap((system) =>
        workersOf(system, options).map((workers) => ({
          variant: "",
          system,
          workers,
          receivers: healthy + churning,
          size,
          run: (signal: AbortSignal) =>
            measureLoad(
              {
                system: systemOf(system),
                workers,
                loadProcesses: options.loadProcesses,
                size,
                groups: [
                  { kind: "healthy", count: healthy },
                  { kind: "churning", count: churning, afterBytes },
                ],
                signal,
              },
              ({ receivers }) => ({
                bytesTwice: receivers.reduce((sum, { bytesTwice }) => sum + bytesTwice, 0),
              }),
            ),
        })),
      ),
    );
  },
};
