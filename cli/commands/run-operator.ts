import { EXIT } from "../../protocol/wire/faults.ts";
import { onInterrupt } from "../system/interrupts.ts";
import { askOverview, findManager, pageLink, askFor } from "../operator/admin-client.ts";
import { asciiMarks, showsUtf8, hasColor, makeStyle } from "../screen/style.ts";
import { jsonLine } from "../screen/json.ts";
import {
  NO_RATES,
  clusterLines,
  ratesBetween,
  relayStatusLines,
} from "../operator/status-screen.ts";
import { holdTerminal, showCursorAtExit } from "../screen/suspension.ts";
import type {
  RelayBanValues,
  RelayKillValues,
  RelayStatusValues,
  RelayUnbanValues,
} from "./relay-commands.ts";
import { usage } from "../arguments/command-line.ts";
import { shown } from "../screen/format.ts";
import { parseUntil, parseWhole } from "../arguments/values.ts";

/** Between two requests for the overview. ms */
const POLL_MS = 1000;

export async function runRelayStatus(values: RelayStatusValues): Promise<number> {
  const { stdout, env } = process;
  const manager = findManager(values, env);
  if (values.page) {
    stdout.write(`${pageLink(manager)}\n`);
    return EXIT.done;
  }
  if (values.json) {
    const { json } = await askOverview(manager);
    stdout.write(jsonLine({ event: "status", ...json }));
    return EXIT.done;
  }
  const marks = showsUtf8(env, process.platform) ? (text: string): string => text : asciiMarks;
  const style = makeStyle(hasColor(stdout.isTTY, env));
  const linesOf = values.cluster ? clusterLines : relayStatusLines;
  let { overview } = await askOverview(manager);
  if (values.once || !stdout.isTTY || env["TERM"] === "dumb") {
    const room = { columns: stdout.columns || Infinity, lines: Infinity };
    const lines = linesOf(manager.url, overview, NO_RATES, room, style);
    stdout.write(marks(`${lines.join("\n")}\n`));
    return EXIT.done;
  }
  const { Painter, terminalSurface } = await import("../screen/painter.ts");
  const painter = new Painter(terminalSurface(stdout, marks));
  showCursorAtExit(stdout);
  const over = Promise.withResolvers<"over">();
  using _ = onInterrupt(() => over.resolve("over"));
  let rates = NO_RATES;
  const paint = (): void => {
    const room = { columns: painter.width, lines: painter.height };
    const lines = linesOf(manager.url, overview, rates, room, style);
    painter.paint([], painter.draws ? lines : []);
  };
  using _hold = holdTerminal({
    release: () => painter.leave(),
    take: () => {
      painter.leave();
      paint();
    },
  });
  try {
    for (;;) {
      paint();
      const next = await Promise.race([over.promise, Bun.sleep(POLL_MS)]);
      if (next === "over") return EXIT.done;
      const before = overview;
      ({ overview } = await askOverview(manager));
      rates = ratesBetween(before, overview);
    }
  } finally {
    painter.leave();
  }
}

export async function runKill(values: RelayKillValues): Promise<number> {
  const numbers = some(values.number, "the number of a share").map((number) =>
    parseWhole("kill", number, 1, Number.MAX_SAFE_INTEGER),
  );
  const manager = findManager(values, process.env);
  for (const share of numbers) {
    await askFor(manager, "remove", { share });
    print(`Share ${share} is over`);
  }
  return EXIT.done;
}

export async function runBan(values: RelayBanValues): Promise<number> {
  const addresses = some(values.address, "an address");
  const now = Date.now();
  const until = values.for === undefined ? undefined : parseUntil("--for", values.for, now);
  const seconds = until === undefined ? undefined : Math.ceil((until - now) / 1000);
  const manager = findManager(values, process.env);
  for (const address of addresses) {
    await askFor(manager, "ban", { address, seconds });
    print(`${address} may not come any more`);
  }
  return EXIT.done;
}

export async function runUnban(values: RelayUnbanValues): Promise<number> {
  const addresses = some(values.address, "an address");
  const manager = findManager(values, process.env);
  for (const address of addresses) {
    await askFor(manager, "unban", { address });
    print(`${address} may come again`);
  }
  return EXIT.done;
}

function some(words: readonly string[], what: string): readonly string[] {
  if (words.length === 0) throw usage(`${what} is needed`);
  return words;
}

function print(sentence: string): void {
  process.stdout.write(`${shown(sentence)}\n`);
}
