/**
 * From two machines with nothing installed to a file received: keys, seconds and bytes of each way, beside other tools.
 *
 *   bun test/measure/first-file.ts [ROUNDS] [--ways LIST] [--peers DIR] [--rate MIB] [--size MIB]
 *
 *   ROUNDS        of each way, with new machines each (default: 3)
 *   --ways LIST   of binary,npx,page,croc,magic-wormhole,sendme (default: all)
 *   --peers DIR   files of the other tools, see first-file/peers.ts; a tool without its files is named as missing
 *   --rate MIB    of the downloads of each machine, in MiB/s (default: 10)
 *   --size MIB    of the file that is sent (default: 10)
 *
 * A machine is a network namespace with a shell in a terminal, an empty home and an empty /usr/local. The script types into
 * the shell and counts each key. A mirror on a third machine stands for the servers of the downloads and has one rate for all;
 * the machines take it for them by their names. Between the two, nothing is limited. Needs root.
 */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { loadavg, tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";

import { LocalNetwork } from "../support/net/local-networks.ts";
import { Internet } from "./first-file/internet.ts";
import { byBinary, byNpx, byPage } from "./first-file/ours.ts";
import { peers } from "./first-file/peers.ts";
import { Person, SENDER, type Mode } from "./first-file/person.ts";
import { FILE, type Missing, type Way } from "./first-file/way.ts";

const MiB = 2 ** 20;
const RECEIVER = 2;
/** Stands for the registries of npm and Python. */
const HOST = "mirror.example";

interface Round {
  readonly mode: Mode;
  /** Of both people. */
  readonly lines: number;
  readonly keys: number;
  readonly pastes: number;
  readonly clicks: number;
  /** s from the first key to a code on the sender's screen, to a receiver that needs only the code, and from the code to the file */
  readonly sent: number;
  readonly ready: number;
  readonly received: number;
  /** Of each machine. bytes */
  readonly downloads: readonly [number, number];
}

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    ways: { type: "string" },
    peers: { type: "string" },
    rate: { type: "string", default: "10" },
    size: { type: "string", default: "10" },
  },
});
const count = positive("ROUNDS", positionals[0] ?? "3");
const rate = positive("--rate", values.rate) * MiB;
const content = crypto.getRandomValues(Buffer.alloc(MiB));
const file = Buffer.concat(Array.from({ length: positive("--size", values.size) }, () => content));
const NAMES = ["binary", "npx", "page", "croc", "magic-wormhole", "sendme"];
const chosen = values.ways?.split(",") ?? NAMES;
const unknown = chosen.find((name) => !NAMES.includes(name));
if (unknown !== undefined) throw new Error(`--ways has ${unknown}; it takes ${NAMES.join(",")}.`);

function positive(name: string, text: string): number {
  const number = Number(text);
  if (!Number.isInteger(number) || number < 1) throw new Error(`${name} is a number from 1 on.`);
  return number;
}

const isChosen = (name: string): boolean => chosen.includes(name);

async function waysIn(folder: string): Promise<readonly (Way | Missing)[]> {
  const made = (name: string): string => {
    const path = join(folder, name);
    mkdirSync(path);
    return path;
  };
  const ways: (Way | Missing)[] = [];
  if (isChosen("binary") || isChosen("page")) {
    const binary = await byBinary(made("binary"));
    if (isChosen("binary")) ways.push(binary);
    if (isChosen("page")) ways.push(byPage(binary));
  }
  if (isChosen("npx")) ways.push(await byNpx(made("npx"), HOST));
  const from = values.peers === undefined ? undefined : resolve(values.peers);
  const others = peers(from, join(folder, "peers"), HOST);
  return [...ways, ...others.filter(({ name }) => isChosen(name.split(" ")[0] ?? ""))];
}

async function seconds(work: () => Promise<unknown>): Promise<number> {
  const startedAt = performance.now();
  await work();
  return (performance.now() - startedAt) / 1000;
}

/** An interrupted run takes its networks and processes along. */
function onInterrupt(end: () => Promise<unknown>): Disposable {
  const heard = (): void => void end();
  process.once("SIGINT", heard);
  return { [Symbol.dispose]: () => process.off("SIGINT", heard) };
}

/** One transfer between two new machines. */
async function play(
  way: Way,
  mode: Mode,
  folder: string,
  network: LocalNetwork,
  internet: Internet,
) {
  await using sender = new Person(SENDER, folder, network, internet, way.has ?? {});
  await using receiver = new Person(RECEIVER, folder, network, internet, way.has ?? {});
  const people = [sender, receiver] as const;
  using _interrupted = onInterrupt(() => Promise.all(people.map((person) => person.leaves())));
  for (const person of people) await person.begins(way.tools);
  writeFileSync(join(sender.home, FILE), file);
  await using _ = await way.before?.(receiver);
  const taken = people.map(({ address }) => internet.takenBy(address));
  const ready = await seconds(() => way.install(receiver));
  let code = "";
  const sent = await seconds(async () => {
    await way.install(sender);
    code = await way.send(sender);
  });
  const received = await seconds(() => way.receive(receiver, code, mode));
  const copy = await Bun.file(join(receiver.home, FILE)).bytes();
  if (!file.equals(copy)) throw new Error(`${way.name}: the copy is another one`);
  const sum = (of: (person: Person) => number): number => of(sender) + of(receiver);
  const round: Round = {
    mode,
    lines: sum(({ lines }) => lines),
    keys: sum(({ keys }) => keys),
    pastes: sum(({ pastes }) => pastes),
    clicks: sum(({ clicks }) => clicks),
    sent,
    ready,
    received,
    downloads: [
      internet.takenBy(sender.address) - (taken[0] ?? 0),
      internet.takenBy(receiver.address) - (taken[1] ?? 0),
    ],
  };
  return round;
}

const median = (all: readonly number[]): number =>
  all.toSorted((a, b) => a - b)[Math.floor(all.length / 2)] ?? NaN;

function rowOf({ name, from }: Way, rounds: readonly Round[]): string[] {
  const by = (of: (round: Round) => number, digits = 1): string =>
    median(rounds.map(of)).toFixed(digits);
  const keysOf = (mode: Mode): string => {
    const these = rounds.filter((round) => round.mode === mode);
    const [one] = these;
    if (one === undefined) return "-";
    const { pastes, clicks } = one;
    const more = `${pastes > 0 ? ", paste" : ""}${clicks > 0 ? ", click" : ""}`;
    return `${median(these.map(({ keys }) => keys))}${more}`;
  };
  // Both people begin at once.
  const totals = rounds.map(({ sent, ready, received }) => Math.max(sent, ready) + received);
  return [
    name,
    from,
    by(({ lines }) => lines, 0),
    ...(["typed", "tab", "pasted", "scanned"] as const).map(keysOf),
    by(({ downloads: [sender] }) => sender / MiB),
    by(({ downloads: [, receiver] }) => receiver / MiB),
    by(({ sent }) => sent),
    by(({ ready }) => ready),
    by(({ received }) => received),
    median(totals).toFixed(1),
    Math.min(...totals).toFixed(1),
  ];
}

const HEAD = [
  "way",
  "from",
  "lines",
  "keys",
  "with Tab",
  "pasted",
  "QR code",
  "sender MiB",
  "receiver MiB",
  "code s",
  "ready s",
  "received s",
  "in all s",
  "least s",
];

const load = (): string => loadavg()[0]?.toFixed(1) ?? "";

const folder = mkdtempSync(join(tmpdir(), "fileshare-first-file-"));
try {
  if (process.getuid?.() !== 0) throw new Error("Network namespaces need root.");
  const all = await waysIn(folder);
  const ways = all.filter((way) => "install" in way);
  const files = Object.assign({}, ...ways.map((way) => way.files)) as Way["files"];
  const relays = ways.flatMap((way) => way.relays ?? []);
  const hosts = [
    ...Object.keys(files).map((at) => at.split("/")[0] ?? ""),
    ...relays.map(({ host }) => host),
  ];
  using network = new LocalNetwork({ ipv4: "10.79.0." });
  await using internet = new Internet(network, folder, [...new Set([...hosts, HOST])]);
  await internet.serve(files, rate);
  for (const relay of relays) await internet.relay(relay);
  const results = new Map<Way, Round[]>(ways.map((way) => [way, []]));
  for (let round = 0; round < count; round++) {
    for (const way of round % 2 === 0 ? ways : ways.toReversed()) {
      const mode = way.modes[round % way.modes.length] ?? "typed";
      const own = mkdtempSync(join(folder, "round-"));
      const done = await play(way, mode, own, network, internet);
      results.get(way)?.push(done);
      const times = [done.sent, done.ready, done.received].map((s) => s.toFixed(1)).join(" + ");
      console.error(`${way.name}: code ${mode}, ${done.keys} keys, ${times} s, load ${load()}`);
      rmSync(own, { recursive: true, force: true });
    }
  }
  for (const what of internet.missed) console.error(what);
  console.log(`| ${HEAD.join(" | ")} |`);
  console.log(`|${HEAD.map(() => "---|").join("")}`);
  for (const [way, rounds] of results) console.log(`| ${rowOf(way, rounds).join(" | ")} |`);
  for (const one of all)
    if ("missing" in one) console.log(`${one.name} is missing: ${one.missing}`);
} finally {
  rmSync(folder, { recursive: true, force: true });
}
