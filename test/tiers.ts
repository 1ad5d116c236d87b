/** The tiers of tests, as arguments of `bun test`: see test/README.md. Most tiers are folders. */

/** Folders with tests that start processes, browsers and other programs, or play many random cases. */
const WHOLE = ["e2e", "web/transfers", "hostile", "simulation", "fuzz", "torture", "soak"];

/**
 * Wire tests with dozens of real relays, or with relays that crash, stall, store and flood: 40 % of the CPU time of all unit
 * and wire tests, and seconds of waiting each. `check` runs them, and `test` leaves them out, as it has to end within a minute.
 */
export const LONG_WIRE = [
  "relay/admin/exposed",
  "relay/limits/limits",
  "relay/limits/share-limits",
  "relay/lobby/held-back",
  "relay/lobby/unread",
  "relay/main/crash",
  "relay/net/descriptors",
  "relay/net/peer",
  "relay/net/slow-receivers",
  "relay/net/topics",
  "relay/share/admission",
  "relay/share/late-answers",
  "relay/share/paced-wire",
  "relay/share/storm",
  "relay/store/stored-relay",
  "web/bundle",
].map((path) => `${path}.test.ts`);

/** The folder of thresholds of memory, CPU and kernel behaviour. They run one after the other, and alone. */
const ALONE = "alone";

/** The folder of tests that need a binary of the product. */
const BINARY = "binary";

/** Tests of the sources that `check` runs a second time, with the binary: resume, operators, shells, doctor. */
const WITH_BINARY = [
  "resume/unfinished",
  "admin/relay-manage",
  "cluster/command",
  "commands/completion",
  "commands/doctor",
] as const;

/** They take minutes without a binary already, and few commands of the product run in them. */
const WITHOUT_BINARY = ["e2e/bench", "e2e/docs", "e2e/web"] as const;

/** Test files at once: many wait for a clock or a pace, so there is work for several on each core. */
function parallel(perCore: number): string {
  return `--parallel=${perCore * navigator.hardwareConcurrency}`;
}

/** Arguments of `bun test` for each tier. The second tier contains the first. */
export const TIERS = {
  "unit and wire tests": [
    "test",
    parallel(3),
    ...without(...WHOLE, ALONE, BINARY),
    ...ignoring(...LONG_WIRE),
  ],
  "all tests but those of thresholds": ["test", parallel(2), ...without(ALONE, BINARY)],
  "tests of thresholds": ["test", "--isolate", `test/${ALONE}/`],
  "tests with the binary": [
    "test",
    "--parallel=2",
    `test/${BINARY}/`,
    ...WITH_BINARY.map((path) => `test/e2e/${path}.test.ts`),
  ],
  "all end-to-end tests with the binary": [
    "test",
    parallel(2),
    ...without(...WITHOUT_BINARY),
    `test/${BINARY}/`,
    "test/e2e/",
  ],
} as const;

function without(...folders: readonly string[]): string[] {
  return ignoring(...folders.map((folder) => `${folder}/**`));
}

function ignoring(...patterns: readonly string[]): string[] {
  return patterns.map((pattern) => `--path-ignore-patterns=test/${pattern}`);
}
