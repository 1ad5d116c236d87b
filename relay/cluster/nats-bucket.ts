/**
 * One bucket of the directory: a stream of JetStream in the form that NATS calls a key-value store, so `nats kv` shows it to operators.
 * The library's own store is not used: its watch misses changes when the stream was made anew, and its removal of old
 * markers takes along a value that was written meanwhile.
 *
 *   stream KV_NAME, subjects $KV.NAME.KEY; the last message of a subject is the value
 *   a removed key has a marker as its last message: no data, header KV-Operation
 *   description: "fileshare MS", the time of birth; servers of a cluster differ in their own time of it by some ms
 *   revision = that time in us + the message's sequence: it grows even if the stream is lost and made anew
 */
import type { JetStreamClient, JetStreamManager } from "@nats-io/jetstream";
import type { MsgHdrs } from "@nats-io/transport-node";

import type { Outcome } from "./directory-kv.ts";
import type { NatsLibrary } from "./nats-connection.ts";

/** Of one value with its headers: a value has about 100. bytes */
const VALUE_BYTES = 2048;
/** Copies of a bucket in a cluster of NATS: two may decide while one is lost. */
const REPLICAS = 3;
const DESCRIPTION = /^fileshare (\d{13})$/;
const OPERATION_HEADER = "KV-Operation";
/** NATS sets it on markers of its own. */
const MARKER_HEADER = "Nats-Marker-Reason";

/** Numbers of errors of JetStream. */
const WRONG_SEQUENCE: ReadonlySet<number> = new Set([10_071, 10_164]);
const NO_STREAM = 10_059;
const NAME_IN_USE = 10_058;
const NOT_CLUSTERED = 10_074;
const NO_PEERS = 10_005;

export interface BucketShape {
  readonly name: string;
  /** ms after which a value is forgotten; undefined: never */
  readonly ttl: number | undefined;
}

/** The answer of a server about a subject's last message. */
interface Last {
  readonly sequence: number;
  readonly data: Uint8Array;
  readonly isMarker: boolean;
}

export function isMarker(headers: MsgHdrs | undefined): boolean {
  if (headers === undefined) return false;
  return headers.has(OPERATION_HEADER) || headers.has(MARKER_HEADER);
}

export class NatsBucket {
  readonly stream: string;
  readonly prefix: string;
  /** us */
  readonly born: number;
  /** Sequence of the last message when it was opened, as the leader of the stream has it. Other replicas may be late. */
  readonly lastSequence: number;
  readonly #library: NatsLibrary;
  readonly #js: JetStreamClient;
  readonly #manager: JetStreamManager;

  private constructor(
    library: NatsLibrary,
    js: JetStreamClient,
    manager: JetStreamManager,
    name: string,
    born: number,
    lastSequence: number,
  ) {
    this.#library = library;
    this.#js = js;
    this.#manager = manager;
    this.stream = `KV_${name}`;
    this.prefix = `$KV.${name}.`;
    this.born = born;
    this.lastSequence = lastSequence;
  }

  /**
   * Opens the bucket, and makes it if it is not there.
   * @param isClustered whether the server belongs to a cluster of NATS
   * @param warn told what an operator should change
   */
  static async open(
    library: NatsLibrary,
    js: JetStreamClient,
    manager: JetStreamManager,
    { name, ttl }: BucketShape,
    isClustered: boolean,
    warn: (why: string) => void,
  ): Promise<NatsBucket> {
    const stream = `KV_${name}`;
    const info = await made();
    const { max_age: age, num_replicas: replicas } = info.config;
    if (ttl !== undefined && age === 0)
      warn(`bucket ${name} keeps heartbeats for ever; give it a TTL of ${ttl / 1000} s`);
    if (isClustered && replicas < REPLICAS) {
      // It was made while a server was away.
      await manager.streams.update(stream, { num_replicas: REPLICAS }).catch(() => {
        warn(`bucket ${name} has ${replicas} replicas, as too few servers of NATS are there`);
      });
    }
    // An operator may have made it.
    const said = DESCRIPTION.exec(info.config.description ?? "")?.[1];
    const born = (said === undefined ? Date.parse(info.created) : Number(said)) * 1000;
    if (!Number.isSafeInteger(born)) throw new Error(`${stream} has no time of creation`);
    return new NatsBucket(library, js, manager, name, born, info.state.last_seq);

    async function made() {
      try {
        return await manager.streams.info(stream);
      } catch (error) {
        if (codeOf(error) !== NO_STREAM) throw error;
      }
      try {
        return await add(isClustered ? REPLICAS : 1);
      } catch (error) {
        // A relay that was faster, or a server that can't have so many.
        if (codeOf(error) === NAME_IN_USE) return manager.streams.info(stream);
        if (![NOT_CLUSTERED, NO_PEERS].includes(codeOf(error))) throw error;
        return await add(1);
      }
    }

    function add(replicas: number) {
      const { StorageType, RetentionPolicy, DiscardPolicy } = library;
      return manager.streams.add({
        name: stream,
        description: `fileshare ${Date.now()}`,
        subjects: [`$KV.${name}.>`],
        retention: RetentionPolicy.Limits,
        storage: StorageType.File,
        discard: DiscardPolicy.New,
        num_replicas: replicas,
        max_msgs_per_subject: 1,
        max_msg_size: VALUE_BYTES,
        max_age: ttl === undefined ? 0 : library.nanos(ttl),
        allow_rollup_hdrs: true,
        allow_direct: true,
      });
    }
  }

  revision(sequence: number): number {
    return this.born + sequence;
  }

  /**
   * @param revision undefined: nothing is compared; 0: the key is not there
   * @param isFree whether a last message counts as none, as its data is no value
   */
  async put(
    key: string,
    data: Uint8Array,
    revision: number | undefined,
    isFree: (data: Uint8Array) => boolean,
  ): Promise<Outcome> {
    const outcome = await this.#publish(key, data, revision);
    if (outcome.t !== "conflict" || revision !== 0) return outcome;
    // A marker is in the way, or a value that none of us wrote. The server compares once more.
    const last = await this.#last(key);
    if (last === "unknown") return { t: "unknown", why: "the directory did not answer" };
    if (last === undefined) return this.#publish(key, data, 0);
    if (!last.isMarker && !isFree(last.data)) return outcome;
    return this.#publish(key, data, this.revision(last.sequence));
  }

  /** Leaves a marker, which watchers see. @param revision undefined: nothing is compared */
  remove(key: string, revision: number | undefined): Promise<Outcome> {
    return this.#publish(key, new Uint8Array(0), revision, "DEL");
  }

  /** Takes a marker away, and nothing that came later. @param revision of the marker */
  async sweep(key: string, revision: number): Promise<void> {
    const seq = revision - this.born + 1;
    await this.#manager.streams.purge(this.stream, { filter: this.prefix + key, seq });
  }

  async #publish(
    key: string,
    data: Uint8Array,
    revision: number | undefined,
    operation?: string,
  ): Promise<Outcome> {
    const sequence = revision === undefined || revision === 0 ? revision : revision - this.born;
    // Of a stream that was lost.
    if (sequence !== undefined && sequence < 0) return { t: "conflict" };
    const headers = this.#library.headers();
    if (operation !== undefined) headers.set(OPERATION_HEADER, operation);
    try {
      const done = await this.#js.publish(this.prefix + key, data, {
        headers,
        ...(sequence !== undefined && { expect: { lastSubjectSequence: sequence } }),
      });
      return { t: "done", revision: this.revision(done.seq) };
    } catch (error) {
      if (WRONG_SEQUENCE.has(codeOf(error))) return { t: "conflict" };
      return { t: "unknown", why: error instanceof Error ? error.message : String(error) };
    }
  }

  /** The leader is asked, as other replicas may be late. */
  async #last(key: string): Promise<Last | "unknown" | undefined> {
    try {
      const query = { last_by_subj: this.prefix + key };
      const found = await this.#manager.streams.getMessage(this.stream, query);
      if (found === null) return undefined;
      return { sequence: found.seq, data: found.data, isMarker: isMarker(found.header) };
    } catch {
      return "unknown";
    }
  }
}

/** Of an error of JetStream's API; 0 for any other. */
export function codeOf(error: unknown): number {
  const code = error instanceof Error && "code" in error ? error.code : 0;
  return typeof code === "number" ? code : 0;
}
