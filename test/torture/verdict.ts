/** The verdict on a round, from its history alone. */
import { EXIT } from "../../protocol/wire/faults.ts";
import { CONFIRM_MS } from "../../protocol/mod.ts";
import type { ClientEvent } from "../../cli/mod.ts";
import type { Entry } from "./history.ts";

type Of<What extends Entry["what"]> = Extract<Entry, { what: What }>;
type Exit = Of<"exit">;
type EventOf<Name extends ClientEvent["event"]> = Extract<ClientEvent, { event: Name }>;

/** One process of a client, from its start to its exit. */
interface Run {
  readonly events: Of<"event">[];
  exit: Exit | undefined;
  /** Its disk had no room at some time. */
  wasFull: boolean;
  /** Killed with its file in its place. */
  isPlaced: boolean;
}

const DOCUMENTED = new Set<number>(Object.values(EXIT));
/** How Bun shows a place in a stack, and how it dies. */
const STACK = /^\s+at .+:\d+:\d+\)?$|panic|Segmentation fault|^\d+ \| /m;

/** Processes that end when they are told alone. */
const SERVERS = /^(relay|nats)(-\d)?$/;

/** Sentences for a person; none when all went as it should. */
export function violations(entries: readonly Entry[]): string[] {
  const plan = find(entries, "plan")?.plan;
  const source = find(entries, "source");
  if (plan === undefined || source === undefined) return ["the round did not begin"];
  const found = wrongEnds(entries);
  // A share that can't be read again: a receiver that was away may come too late.
  const mayMiss = plan.content === "stream";
  const late = of(entries, "late").map(({ who }) => who);
  found.push(...late.map((who) => `${who} did not finish in time`));

  const receivers = plan.receivers.map(({ name }) => ({ name, runs: runsOf(entries, name) }));
  for (const { name, runs } of receivers) {
    if (!late.includes(name)) {
      found.push(...wrongRuns(name, runs, { isSenderLate: late.includes("sender"), mayMiss }));
    }
    const copies = of(entries, "copies").find(({ who }) => who === name)?.copies ?? [];
    for (const { path, sha256, bytes } of copies) {
      if (sha256 !== source.sha256) found.push(`${name} has a wrong copy: ${path}, ${bytes} bytes`);
    }
    const saved = runs.flatMap((run) => events(run, "saved")).map(({ path }) => path);
    for (const path of saved) {
      if (!copies.some((copy) => copy.path === path)) found.push(`${name} has not saved ${path}`);
    }
    const placed = runs.filter(({ isPlaced }) => isPlaced).length;
    const hasFinished = !late.includes(name);
    const least = mayMiss && hasMissed(runs) ? 0 : 1;
    if (hasFinished && (copies.length < least || copies.length > 1 + placed)) {
      found.push(`${name} has ${copies.length} copies`);
    }
    if (hasFinished && placed === 0 && least > 0) {
      const left = of(entries, "left over").filter(({ who }) => who === name);
      found.push(...left.map(({ names }) => `${name} left ${names.join(", ")}`));
    }
  }
  if (!late.includes("sender")) {
    found.push(...wrongSender(entries, plan.content === "stored" ? undefined : receivers, mayMiss));
  }
  return found;
}

/** Exits that no process may have, whatever was done to it. */
export function wrongEnds(entries: readonly Entry[]): string[] {
  return of(entries, "exit").flatMap(wrongEnd);
}

function wrongEnd({ who, exitCode, signal, reason, stderr }: Exit): string[] {
  const found: string[] = [];
  const isServer = SERVERS.test(who);
  if (exitCode === undefined && reason === undefined) found.push(`${who} died of ${signal}`);
  if (exitCode === undefined && reason === "told") found.push(`${who} died of ${signal}`);
  if (exitCode !== undefined && !DOCUMENTED.has(exitCode)) {
    found.push(`${who} ended with ${exitCode}, which nothing explains`);
  }
  if (isServer && reason === undefined) found.push(`the ${who} ended by itself: ${exitCode}`);
  if (isServer && reason === "told" && exitCode !== EXIT.done) {
    found.push(`the ${who} was told to end, and ended with ${exitCode}`);
  }
  // The relay's operator is told of workers there; a client that speaks JSON says nothing.
  if (isServer ? STACK.test(stderr) : stderr !== "") {
    found.push(`${who} wrote to stderr: ${stderr.slice(0, 1000)}`);
  }
  return found;
}

/** It was killed, and found no more when it came again. */
function hasMissed(runs: readonly Run[]): boolean {
  const last = runs.at(-1);
  const error = last === undefined ? undefined : events(last, "error").at(-1)?.code;
  return runs.length > 1 && error === "too-late";
}

function wrongRuns(
  name: string,
  runs: readonly Run[],
  { isSenderLate, mayMiss }: { readonly isSenderLate: boolean; readonly mayMiss: boolean },
): string[] {
  const found: string[] = [];
  let bytes = 0;
  for (const run of runs) {
    const { exit } = run;
    const [resumed] = events(run, "resumed");
    const took = resumed !== undefined || events(run, "progress").length > 0;
    if (bytes > 0 && took && (resumed?.bytes ?? 0) < bytes) {
      found.push(`${name} had ${bytes} bytes and went on from ${resumed?.bytes ?? 0}`);
    }
    bytes = events(run, "progress").at(-1)?.bytes ?? Math.max(bytes, resumed?.bytes ?? 0);
    // Bytes written and not synced may be lost with a full disk.
    if (run.wasFull || run.isPlaced) bytes = 0;
    if (exit?.exitCode === undefined) continue;
    if (exit.exitCode === EXIT.done) {
      // The file is there since a run that was killed in its last moment.
      const wasThere = events(run, "skipped").length === 1 && runs.some(({ isPlaced }) => isPlaced);
      if (events(run, "saved").length !== 1 && !wasThere) {
        found.push(`${name} ended well and saved nothing`);
      }
      continue;
    }
    const error = events(run, "error").at(-1)?.code;
    const wasTold = exit.reason === "told" && runs.some(({ isPlaced }) => isPlaced);
    if (wasTold || (error === "disk-full" && run.wasFull)) continue;
    if (mayMiss && hasMissed(runs)) continue;
    found.push(`${name} failed with ${exit.exitCode}, ${error}`);
  }
  const last = runs.at(-1);
  if (last?.exit === undefined) found.push(`${name} never ended`);
  else if (last.exit.exitCode === undefined && !last.isPlaced && !isSenderLate) {
    found.push(`${name} was not run again`);
  }
  return found;
}

/** @param receivers that it waited for; undefined: it stored the share */
function wrongSender(
  entries: readonly Entry[],
  receivers: readonly { readonly name: string; readonly runs: readonly Run[] }[] | undefined,
  mayMiss: boolean,
): string[] {
  const found: string[] = [];
  const sends = runsOf(entries, "sender");
  const run = sends.at(-1);
  const exit = run?.exit;
  if (run === undefined || exit === undefined) return ["the sender never ended"];
  const shares = new Set(sends.flatMap((send) => events(send, "code").map(({ share }) => share)));
  if (shares.size > 1) found.push("the sender was run again, and began another share");
  if (sends.some((send) => events(send, "unkept").length > 0))
    found.push("the sender kept nothing");
  if (receivers === undefined) {
    if (exit.exitCode === EXIT.done) return found;
    return [
      ...found,
      `the sender ended with ${exit.exitCode}, ${events(run, "error").at(-1)?.code}`,
    ];
  }
  const done = new Set(
    sends
      .flatMap((send) => events(send, "receiver"))
      .filter(({ done }) => done)
      .map(({ name }) => name),
  );
  const isUnsure = receivers.some(({ runs }) => runs.some(({ isPlaced }) => isPlaced));
  let isForgotten = mayMiss && receivers.some(({ runs: all }) => hasMissed(all));
  for (const { name, runs } of receivers) {
    const last = runs.at(-1);
    if (done.has(name) || last === undefined) continue;
    if (gaveUpReceipt(last)) isForgotten = true;
    else if (last.exit?.exitCode === EXIT.done) found.push(`the sender knows nothing of ${name}`);
  }
  const { exitCode } = exit;
  const isExplained =
    exitCode === EXIT.done ||
    (exitCode === EXIT.someFailed && isUnsure) ||
    (exit.reason === "told" && (isForgotten || isUnsure));
  if (!isExplained) {
    found.push(`the sender ended with ${exitCode}, ${events(run, "error").at(-1)?.code}`);
  }
  const told = events(run, "done").at(-1)?.receivers ?? 0;
  if (exitCode === EXIT.done && told < receivers.length) {
    found.push(`the sender ended well with ${told} receivers of ${receivers.length}`);
  }
  return found;
}

/**
 * A receiver with the whole file that nobody answers ends all the same. On a busy machine its words come late, and an answer
 * takes a moment alone, so half of the time tells the two apart.
 */
function gaveUpReceipt(run: Run): boolean {
  const at = (name: string): number =>
    run.events.findLast(({ event }) => event.event === name)?.at ?? NaN;
  return at("done") - at("saved") >= CONFIRM_MS / 2;
}

function runsOf(entries: readonly Entry[], who: string): Run[] {
  const runs: Run[] = [];
  let isFull = false;
  for (const entry of entries) {
    if (!("who" in entry) || entry.who !== who) continue;
    const run = runs.at(-1);
    if (entry.what === "start") {
      runs.push({ events: [], exit: undefined, wasFull: isFull, isPlaced: false });
    } else if (entry.what === "event") {
      run?.events.push(entry);
    } else if (entry.what === "exit" && run !== undefined) {
      run.exit = entry;
    } else if (entry.what === "placed" && run !== undefined) {
      run.isPlaced = true;
    } else if (entry.what === "disk") {
      isFull = entry.full;
      if (isFull && run !== undefined && run.exit === undefined) run.wasFull = true;
    }
  }
  return runs;
}

function events<Name extends ClientEvent["event"]>(run: Run, name: Name): EventOf<Name>[] {
  const isNamed = (event: ClientEvent): event is EventOf<Name> => event.event === name;
  return run.events.map(({ event }) => event).filter(isNamed);
}

function of<What extends Entry["what"]>(entries: readonly Entry[], what: What): Of<What>[] {
  return entries.filter((entry): entry is Of<What> => entry.what === what);
}

function find<What extends Entry["what"]>(
  entries: readonly Entry[],
  what: What,
): Of<What> | undefined {
  return of(entries, what)[0];
}
