/**
 * How long commands take to start, from the sources and as a binary, side by side:
 *
 *   bun test/measure/start.ts [ROUNDS] [BINARY]
 *
 * Each round starts each command once in each way, in turned order, so that both meet the same machine. It prints the least and
 * the median time, and the ratio of the medians. Without BINARY it builds one.
 */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";

import { builtBinary } from "../support/binary.ts";
import { MAIN } from "../support/clients/command-words.ts";
import { cleanEnv } from "../support/clients/pty.ts";

const ROUNDS = 20;

const rounds = Number(process.argv[2] ?? ROUNDS);
if (!Number.isInteger(rounds) || rounds < 1) throw new Error("ROUNDS is a number from 1 on.");
const given = process.argv[3];

const folder = mkdtempSync(join(tmpdir(), "fileshare-start-"));
const file = join(folder, "a.bin");
writeFileSync(file, new Uint8Array(1024));

/** A command, and the text at which it has started; undefined: its end. */
const COMMANDS = [
  { name: "--help", words: ["--help"], until: undefined },
  {
    name: "send until the code",
    words: ["send", file, "--json", "--relay", "ws://127.0.0.1:9"],
    until: '"event":"code"',
  },
  {
    name: "relay until it listens",
    words: ["relay", "--host", "127.0.0.1", "--port", "0", "--no-admin", "--json"],
    until: '"event":"listening"',
  },
] as const;

const env = {
  ...cleanEnv(),
  BUN_OPTIONS: "",
  XDG_STATE_HOME: folder,
  XDG_RUNTIME_DIR: folder,
};

/** ms from the start of the process to what is waited for */
async function timeOf(command: readonly string[], until: string | undefined): Promise<number> {
  const started = performance.now();
  const child = Bun.spawn([...command], { env, stdin: "ignore", stdout: "pipe", stderr: "ignore" });
  let text = "";
  const decoder = new TextDecoder();
  for await (const bytes of child.stdout) {
    text += decoder.decode(bytes, { stream: true });
    if (until !== undefined && text.includes(until)) break;
  }
  if (until === undefined) await child.exited;
  else if (!text.includes(until)) throw new Error(`${command.join(" ")} ended without ${until}`);
  const took = performance.now() - started;
  child.kill("SIGKILL");
  await child.exited;
  return took;
}

const median = (all: readonly number[]): number =>
  all.toSorted((a, b) => a - b)[Math.floor(all.length / 2)] ?? NaN;

try {
  using binary =
    given === undefined ? builtBinary() : { path: resolve(given), [Symbol.dispose]() {} };
  const ways = [
    { name: "sources", words: [process.execPath, MAIN] },
    { name: "binary", words: [binary.path] },
  ];
  console.log(`${"".padEnd(24)}${"sources".padStart(18)}${"binary".padStart(18)}     ratio`);
  for (const { name, words, until } of COMMANDS) {
    const times = new Map(ways.map((way) => [way.name, [] as number[]]));
    for (let round = 0; round < rounds; round++) {
      for (const way of round % 2 === 0 ? ways : ways.toReversed()) {
        times.get(way.name)?.push(await timeOf([...way.words, ...words], until));
      }
    }
    const [sources = [], built = []] = [...times.values()];
    const cells = [sources, built].map((all) =>
      `${Math.min(...all).toFixed(0)} / ${median(all).toFixed(0)} ms`.padStart(18),
    );
    const ratio = (median(built) / median(sources)).toFixed(2);
    console.log(`${name.padEnd(24)}${cells.join("")}${ratio.padStart(10)}`);
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
}
