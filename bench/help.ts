import { bytes } from "./report/table.ts";
import { SYSTEMS } from "./result.ts";
import type { Scenario } from "./scenarios/scenario.ts";

export function help(scenarios: readonly Scenario[]): string {
  const lines = [
    "bun run bench [scenario...] [options]      measures; without scenarios a standard run",
    "bun run bench report FILE [--html OUT]     shows again what was measured",
    "",
    `  --systems LIST      of ${SYSTEMS.join(", ")}`,
    "  --receivers LIST    how many receive, such as 8,64",
    "  --size BYTES        of the source, such as 1GiB",
    "  --rounds COUNT      each round runs everything once, every other one in reversed order",
    "  --workers LIST      of systems that can have several",
    "  --load-processes COUNT  that have the receivers: as many as cores, if nobody says",
    "  --json FILE         everything that was measured",
    "  --html FILE         a page with charts",
    "  --relay URL         a relay that is there already, such as ws://127.0.0.1:8000",
    "  --timeout SECONDS   that one run may take",
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
