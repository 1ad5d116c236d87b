/**
 * One bucket. Bun's S3 client signs each request and lists keys; `fetch` sends the requests, since a method of the client has
 * no time limit, cannot be ended, and shows neither the status nor the length of an answer.
 *
 * While the store is away, a request is sent again, later each time, until `giveUpMs` are over: its caller waits. After
 * WRONG_MOST wrong answers it fails, and at once if the store refused it for good (a wrong key, no such bucket).
 */
import { FaultError } from "../../protocol/mod.ts";

import type { S3Times, StorePlace } from "./record-store.ts";
import { failedCall, failureOf, S3Failure, unreached } from "./s3-failure.ts";

export type S3Place = Extract<StorePlace, { kind: "s3" }>;

export const S3_TIMES: S3Times = {
  pauseMs: 300,
  pauseMostMs: 10_000,
  answerMs: 20_000,
  leastRate: 256 * 1024,
  tellMs: 10_000,
  giveUpMs: 300_000,
  leaseMs: 30_000,
};

/** Answers to one request that are wrong: at some stores an answer may be older than the object for some seconds. */
export const WRONG_MOST = 8;
/**
 * Requests of one kind that one thread has open at once; more wait in their order. As many fill a fast line at 30 ms an
 * answer, and a store that takes no writes holds up no reads.
 */
const REQUESTS_AT_ONCE = 16;
/** A signature is good for so long, whatever the two clocks say. s */
const SIGNED_FOR_S = 15 * 60;
/** Keys of one page, the most that S3 gives. */
const PAGE_KEYS = 1000;
const SECOND_MS = 1000;
type Kind = "write" | "read" | "delete" | "list";

/** Of one kind of requests. @param trouble undefined: the store answers again */
export type OnAway = (kind: Kind, trouble: string | undefined) => void;

/** The right of a relay of a cluster to change objects now. */
export interface MayWrite {
  /** The time within which a request has to end; 0: it may not begin. ms */
  readonly left: number;
  /** A request that may not begin waits, as for a store that is away; else it fails. */
  readonly waits: boolean;
}

export interface ByteRange {
  readonly first: number;
  /** Behind the last byte. */
  readonly end: number;
}

export class S3Bucket {
  readonly #client: Bun.S3Client;
  readonly #place: S3Place;
  readonly #times: S3Times;
  readonly #onAway: OnAway | undefined;
  /** Kinds of requests that were told to fail. */
  readonly #away = new Set<Kind>();
  readonly #gates = { write: new Gate(), read: new Gate(), delete: new Gate(), list: new Gate() };

  constructor(place: S3Place, onAway?: OnAway) {
    this.#place = place;
    this.#times = place.times ?? S3_TIMES;
    this.#onAway = onAway;
    const { bucket, endpoint, region, accessKeyId, secretAccessKey, sessionToken } = place;
    this.#client = new Bun.S3Client({
      bucket,
      ...(endpoint !== undefined && { endpoint, virtualHostedStyle: isHostOf(bucket, endpoint) }),
      ...(region !== undefined && { region }),
      ...(accessKeyId !== undefined && { accessKeyId }),
      ...(secretAccessKey !== undefined && { secretAccessKey }),
      ...(sessionToken !== undefined && { sessionToken }),
    });
  }

  get prefix(): string {
    return this.#place.prefix;
  }

  /** For the operator alone: senders are not told where a relay stores. */
  get name(): string {
    const { bucket, endpoint, region } = this.#place;
    return `bucket ${bucket} at ${endpoint ?? `AWS, region ${region ?? "us-east-1"}`}`;
  }

  /** Resolves when the store says that it has all of it. @throws FaultError `store-failed` */
  async put(
    key: string,
    body: Uint8Array<ArrayBuffer>,
    stop?: AbortSignal,
    may?: MayWrite,
  ): Promise<void> {
    const attempt = async (signal: AbortSignal): Promise<void> => {
      const answer = await this.#send(key, { method: "PUT", body, signal });
      if (!answer.ok) throw await failureOf(answer);
      await answer.body?.cancel();
    };
    await this.#tried("write", body.length, stop, attempt, may);
  }

  /**
   * @param most a longer answer is wrong. bytes
   * @param check takes the bytes apart; undefined: they are wrong, and the store is asked again
   * @returns undefined: there is no such key
   * @throws FaultError `store-failed`
   */
  async find<Found>(
    key: string,
    most: number,
    check: (bytes: Uint8Array) => Found | undefined,
    stop?: AbortSignal,
  ): Promise<Found | undefined> {
    return await this.#tried("read", most, stop, async (signal) => {
      const answer = await this.#send(key, { method: "GET", signal });
      if (answer.status === 404) {
        const failure = await failureOf(answer);
        if (failure.kind === "final") throw failure;
        return undefined;
      }
      return await checked(answer, { first: 0, end: most }, check);
    });
  }

  /** As `find`, of a part of a key that is there: one that is not found is asked for again. */
  async read<Found>(
    key: string,
    range: ByteRange,
    check: (bytes: Uint8Array) => Found | undefined,
    stop?: AbortSignal,
  ): Promise<Found> {
    return await this.#tried("read", range.end - range.first, stop, async (signal) => {
      const headers = { range: `bytes=${range.first}-${range.end - 1}` };
      return await checked(await this.#send(key, { method: "GET", headers, signal }), range, check);
    });
  }

  /** A key that is not there is no fault. @throws FaultError `store-failed` */
  async remove(key: string, stop?: AbortSignal, may?: MayWrite): Promise<void> {
    const attempt = async (signal: AbortSignal): Promise<void> => {
      const answer = await this.#send(key, { method: "DELETE", signal });
      if (!answer.ok) {
        const failure = await failureOf(answer);
        if (answer.status !== 404 || failure.kind === "final") throw failure;
      }
      await answer.body?.cancel();
    };
    await this.#tried("delete", 0, stop, attempt, may);
  }

  /**
   * The names right below a folder, page by page, without the folder's own.
   * @param folder ends with a slash; or it is a folder and the beginning of the names
   * @param of `keys`: of objects; `folders`: of folders, without their slash
   */
  async *list(
    folder: string,
    of: "keys" | "folders",
    stop?: AbortSignal,
  ): AsyncGenerator<string[]> {
    let continuationToken: string | undefined;
    do {
      const page = await this.#tried("list", 0, stop, async (signal) => {
        const asked = this.#client.list({
          prefix: folder,
          delimiter: "/",
          maxKeys: PAGE_KEYS,
          ...(continuationToken !== undefined && { continuationToken }),
        });
        return await Promise.race([asked.catch(failedCall), whenStopped(signal)]);
      });
      const paths =
        of === "keys"
          ? (page.contents ?? []).map(({ key }) => key)
          : (page.commonPrefixes ?? []).map(({ prefix }) => prefix.slice(0, -1));
      // The text around a key is the operator's: the last part of it alone is ours.
      yield paths.map((path) => path.slice(path.lastIndexOf("/") + 1));
      const next = page.isTruncated === true ? page.nextContinuationToken : undefined;
      // A store that gives one page for ever would be asked for ever.
      continuationToken = next === continuationToken ? undefined : next;
    } while (continuationToken !== undefined);
  }

  async #send(key: string, init: RequestInit & { method: "GET" | "PUT" | "DELETE" }) {
    const url = this.#client.presign(key, { method: init.method, expiresIn: SIGNED_FOR_S });
    // The signature is for this host: a redirect is a wrong region.
    return await fetch(url, { ...init, redirect: "manual" });
  }

  async #tried<Result>(
    kind: Kind,
    bytes: number,
    stop: AbortSignal | undefined,
    attempt: (signal: AbortSignal) => Promise<Result>,
    may?: MayWrite,
  ): Promise<Result> {
    const { tellMs, giveUpMs } = this.#times;
    const began = performance.now();
    let wrong = 0;
    for (let tries = 1; ; tries++) {
      try {
        const result = await this.#gates[kind].pass(() => this.#once(bytes, stop, attempt, may));
        if (this.#away.delete(kind)) this.#onAway?.(kind, undefined);
        return result;
      } catch (cause) {
        const failure = cause instanceof S3Failure ? cause : unreached(cause);
        const { message } = failure;
        if (failure.kind === "wrong") wrong++;
        const ms = performance.now() - began;
        const isLast = failure.kind === "final" || wrong === WRONG_MOST || ms >= giveUpMs;
        if (stop?.aborted === true || isLast) {
          const times = tries === 1 ? "" : `, ${tries} times in ${Math.round(ms / SECOND_MS)} s`;
          const detail = `could not ${kind} at the object storage: ${message}${times}`;
          throw new FaultError("store-failed", detail, { cause });
        }
        if (failure.kind === "away" && ms >= tellMs && !this.#away.has(kind)) {
          this.#away.add(kind);
          this.#onAway?.(kind, message);
        }
        await this.#pause(tries, stop);
      }
    }
  }

  async #once<Result>(
    bytes: number,
    stop: AbortSignal | undefined,
    attempt: (signal: AbortSignal) => Promise<Result>,
    may: MayWrite | undefined,
  ): Promise<Result> {
    stop?.throwIfAborted();
    const left = leftTo(may);
    const ending = new AbortController();
    const end = () => ending.abort(new S3Failure("ended", "final"));
    stop?.addEventListener("abort", end);
    const ms = this.#times.answerMs + (bytes / this.#times.leastRate) * SECOND_MS;
    const tooLate = `no answer within ${ms.toFixed(0)} ms`;
    const late = () => ending.abort(left < ms ? unsure(may) : new S3Failure(tooLate, "away"));
    const timer = setTimeout(late, Math.min(ms, left));
    try {
      const result = await attempt(ending.signal);
      // A process that stood still reads the answer before it notices how late it is.
      leftTo(may);
      return result;
    } finally {
      clearTimeout(timer);
      stop?.removeEventListener("abort", end);
    }
  }

  async #pause(tries: number, stop: AbortSignal | undefined): Promise<void> {
    const { pauseMs, pauseMostMs } = this.#times;
    const ms = Math.min(pauseMostMs, pauseMs * 2 ** (tries - 1));
    // Of clients that failed together not all come again together.
    const pause = ms / 2 + (Math.random() * ms) / 2;
    await new Promise<void>((resolve) => {
      const done = () => {
        clearTimeout(timer);
        stop?.removeEventListener("abort", done);
        resolve();
      };
      const timer = setTimeout(done, pause);
      stop?.addEventListener("abort", done);
    });
  }
}

/** @returns how long a request may be under way. ms @throws S3Failure if it may not begin, or went on for longer */
function leftTo(may: MayWrite | undefined): number {
  const { left } = may ?? { left: Infinity };
  if (left <= 0) throw unsure(may);
  return left;
}

function unsure(may: MayWrite | undefined): S3Failure {
  const kind = may?.waits === true ? "away" : "final";
  return new S3Failure("the cluster's directory did not confirm this relay", kind);
}

class Gate {
  #open = 0;
  /** Each belongs to a bounded buffer of its caller. */
  readonly #queue: (() => void)[] = [];

  async pass<Result>(work: () => Promise<Result>): Promise<Result> {
    if (this.#open < REQUESTS_AT_ONCE) this.#open++;
    // A request that ends hands its place over.
    else await new Promise<void>((resolve) => void this.#queue.push(resolve));
    try {
      return await work();
    } finally {
      const next = this.#queue.shift();
      if (next === undefined) this.#open--;
      else next();
    }
  }
}

/** Whether the endpoint is the bucket's own host, as some providers give it. */
function isHostOf(bucket: string, endpoint: string): boolean {
  return URL.parse(endpoint)?.hostname.startsWith(`${bucket}.`) === true;
}

async function checked<Found>(
  answer: Response,
  { first, end }: ByteRange,
  check: (bytes: Uint8Array) => Found | undefined,
): Promise<Found> {
  if (!answer.ok) throw await failureOf(answer);
  // A server that ignores the range sends all of the object.
  const from = answer.status === 206 ? 0 : first;
  const most = from + end - first;
  const bytes = await bodyOf(answer, answer.status === 206 ? most : Math.max(most, end));
  const found = check(bytes.subarray(from, most));
  if (found === undefined) throw new S3Failure("wrong bytes", "wrong");
  return found;
}

/** All of a body, but no more than `most`, whatever its sender says. @throws S3Failure */
async function bodyOf(answer: Response, most: number): Promise<Uint8Array> {
  const length = Number(answer.headers.get("content-length") ?? Number.NaN);
  if (!(length <= most)) {
    await answer.body?.cancel();
    throw new S3Failure("an answer of a wrong length", "wrong");
  }
  const bytes = await answer.bytes();
  if (bytes.length !== length) throw new S3Failure("an answer that was cut", "away");
  return bytes;
}

async function whenStopped(signal: AbortSignal): Promise<never> {
  return await new Promise((_, reject) => {
    signal.addEventListener("abort", () => reject(signal.reason as Error), { once: true });
  });
}
