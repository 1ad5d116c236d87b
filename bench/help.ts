import { bytes } from "./report/table.ts";
import { SYSTEMS } from "./result.ts";
import { ROWS } from "./guard/rows.ts";
import type { Scenario } from "./scenarios/scenario.ts";

export function help(scenarios: readonly Scenario[]): string {
  const lines = [
    "bun run bench [scenario...] [options]      measures; the standard run without scenarios",
    "bun run bench report FILE [--html OUT]     shows the results of a file again",
    "bun run bench guard [COMMIT [COMMIT]]      compares two commits; one is compared with the working tree",
    "",
    `  --systems LIST      systems: ${SYSTEMS.join(", ")}`,
    "  --receivers LIST    numbers of receivers, such as 8,64",
    "  --size BYTES        size of the source, such as 1GiB",
    "  --rounds COUNT      number of rounds; every second one runs in reverse order",
    "  --workers LIST      workers of the systems that can have several",
    "  --load-processes COUNT  processes for the receivers (default: one per core)",
    "  --json FILE         file for all measurements",
    "  --html FILE         file for a page with charts",
    "  --relay URL         an existing relay, such as ws://127.0.0.1:8000",
    "  --timeout SECONDS   longest time of one run",
    "",
    `guard: the relay and the commands of two commits in turns (rows: ${ROWS.map(({ name }) => name).join(", ")})`,
    "  --rows LIST: rows to compare, such as fanout-8,small (default: all)",
    "  --peers: other programs in the same rounds",
    "  --bound PERCENT: how much worse a figure may be (default: 10)",
  ];
  for (const { name, summary, systems, options } of scenarios) {
    lines.push("", `${name}: ${summary} (${systems.join(", ")})`);
    for (const option of options) {
      const standard = option.standard.map((value) =>
        option.kind === "bytes" ? bytes(value) : String(value),
      );
      lines.push(`  --${option.name} (${standard.join() || "none"}): ${option.help}`);
    }
  }
  return lines.join("\n");
}
