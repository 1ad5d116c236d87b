/**
 * The interface of a system under test, ours or a peer's. One file of this folder each; `runner.ts` and
 * `load-run.ts` know nothing else of them.
 */
import type { SystemName } from "../result.ts";

/** The bytes that a run sends: always those of `load/pattern.ts`, from offset 0. */
export interface Source {
  /** bytes */
  readonly size: number;
  /** Path of a file of these bytes, made when first asked for and kept in the page cache. */
  file(): Promise<string>;
}

export interface StartOptions {
  /** Processes or threads that serve; a system that has one only ignores it. */
  readonly workers: number;
  readonly source: Source;
  /** How many will come, for systems that must know before. */
  readonly receivers: number;
  /** Size of the relay's log, where there is one. bytes; undefined: its own default */
  readonly logBytes?: number;
  /** Its relays, where it is a cluster; undefined: its own default. */
  readonly cluster?: ClusterShape | undefined;
}

/** A cluster of relays. The sender is at the first one. */
export interface ClusterShape {
  readonly relays: number;
  /** At the second relay, spread over all but the first, or spread over all. */
  readonly receiversAt: "second" | "edges" | "each";
}

/** Exactly one of both. */
export interface Found {
  readonly version?: string;
  /** Why it can't run here: `not on PATH`, `needs python3-fastapi`. */
  readonly missing?: string;
}

export interface System {
  readonly name: SystemName;
  /** Looks; starts nothing that stays. */
  find(): Promise<Found>;
  /** Resolves when it takes connections at 127.0.0.1, at a free port. */
  start(options: StartOptions): Promise<RunningSystem>;
}

/** The processes that put load on it: see `load/contract.ts` for what they are told and say. */
export interface LoadDriver {
  /** Command line; undefined: it serves `source.file()` by itself. */
  readonly sender: readonly string[] | undefined;
  /** Command line of one process with receivers in it; there are several. */
  readonly receivers: readonly string[];
}

/** One system that runs. Disposing ends its processes by their ids. */
export interface RunningSystem extends AsyncDisposable {
  /** The relay's own processes, children included; empty when they can't be seen. */
  readonly pids: readonly number[];
  /** For the load: `ws://127.0.0.1:1234`, `http://127.0.0.1:1234/file`. */
  readonly url: string;
  readonly load: LoadDriver;
  /** Where receivers go, in turns; absent: to `url`. */
  readonly receiverUrls?: readonly string[];
  /** Of a cluster: its processes, which have figures of their own. */
  readonly cluster?: ClusterParts;
  /** Ends its processes and starts them at the same address; absent where nothing outlives them. */
  restart?(): Promise<void>;
  /** The reports of the relay since the last call; absent where it reports nothing. */
  takeStats?(): readonly RelayStats[];
}

export interface ClusterParts {
  /** The relay with the sender. */
  readonly owner: RelayPart;
  readonly edges: readonly RelayPart[];
  readonly directoryPid: number;
}

export interface RelayPart {
  readonly pid: number;
  /** bytes of frames since the start; other relays count as senders and receivers */
  traffic(): Promise<{ readonly received: number; readonly sent: number }>;
}

/** One worker's word about a window of about 100 ms. */
export interface RelayStats {
  readonly worker: number;
  /** bytes that wait in its memory, over all sockets */
  readonly buffered: number;
  /** bytes, of the socket with most */
  readonly bufferedMost: number;
  /** ms that each look at the clock came late */
  readonly delays: readonly number[];
  /** Receivers in each lane. */
  readonly live: number;
  readonly catchUp: number;
  /** Changes between the lanes since the window before, by receiver id in hex. */
  readonly switches: Readonly<Record<string, number>>;
}
