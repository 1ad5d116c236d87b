/** The tiers of tests, as arguments of `bun test`: see test/README.md. Most tiers are folders. */

/** Folders with tests that start processes, browsers and other programs, or play many random cases. */
const WHOLE = ["e2e", "web/transfers", "hostile", "simulation", "fuzz", "torture", "soak"];

/**
 * Wire tests with dozens of real relays, or with relays that crash, stall, store and flood: 40 % of the CPU time of all unit
 * and wire tests, and seconds of waiting each. `check` runs them, and `test` leaves them out, as it has to end within a minute.
 */
export const LONG_WIRE = [
  "relay/admin/exposed",
  "relay/cluster/edge-door",
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

/**
 * The files that take longest, most of it in waiting: a tier begins with them. Otherwise the last of them run while nothing
 * is left to do beside them.
 */
export const LONGEST = [
  "e2e/cluster/bucket",
  "e2e/cluster/forwarded-failures",
  "e2e/cluster/stored",
  "e2e/cluster/nats-kv",
  "e2e/cluster/paused",
  "e2e/cluster/partition",
  "e2e/bench/document",
  "e2e/cluster/failures",
  "e2e/deploy/package",
  "e2e/deploy/debian",
  "e2e/docs/guides",
  "e2e/docs/commands",
  "e2e/resume/resume",
  "relay/cluster/edge-door",
  "relay/cluster/edge",
  "relay/cluster/edge-lines",
  "relay/cluster/edge-streams",
  "relay/access/access",
  "relay/lobby/hostile-http",
  "golden/relay",
  "relay/net/frames",
  "relay/admin/listener",
  "relay/store/disk-records",
  "cli/send/ignore-rules",
  "cli/connection/further-links",
].map((path) => `${path}.test.ts`);

/** The folder of thresholds of memory, CPU and kernel behaviour. They run one after the other, and alone. */
const ALONE = "alone";

/** The folder of tests that need a binary of the product. */
const BINARY = "binary";

/**
 * Tests of commands that `check` runs a second time, from the sources. All others start commands as a binary of the product,
 * which takes a third of the CPU time: a checkout compiles 500 files for each command.
 */
export const FROM_SOURCES = [
  "e2e/resume/unfinished",
  "e2e/admin/relay-manage",
  "e2e/commands/completion",
  "e2e/commands/doctor",
].map((path) => `${path}.test.ts`);

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
    parallel(2),
    ...without(...WHOLE, ALONE, BINARY),
    ...ignoring(...LONG_WIRE),
  ],
  "all tests but those of thresholds": [
    "test",
    parallel(2),
    // Only Linux has all that the tests of binaries need.
    ...without(ALONE, ...(process.platform === "linux" ? [] : [BINARY])),
  ],
  "tests of thresholds": ["test", "--isolate", `test/${ALONE}/`],
  "commands from the sources": [
    "test",
    "--parallel=2",
    ...FROM_SOURCES.map((path) => `test/${path}`),
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
