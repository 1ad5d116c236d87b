/** The flow of an open link: whether anything gets through, and why not; and the limit of its rate. */
import { readdirSync, readlinkSync } from "node:fs";
import { totalmem } from "node:os";

import { FRAME_BYTES, WINDOW_MOST_RECORDS, WINDOW_RECORDS } from "../../protocol/wire/limits.ts";
import { TokenBucket } from "../../protocol/wire/token-bucket.ts";
import { kernelText } from "../system/system-error.ts";

/** After this without a byte that moves, people are told why. The relay pings each 10 s. ms */
export const STUCK_MS = 15_000;
/** Between two checks of the addresses of this machine, which are a call of the system. ms */
const ADDRESSES_EVERY_MS = 5000;

/** A receiver's window at most, as a part of the memory of its machine: other programs need theirs. */
const WINDOW_MEMORY_PART = 1 / 16;

const LARGE_LOST =
  "what we send is not taken, though the relay is heard: large packets seem to get lost on the way (its MTU)";
const SILENT =
  "nothing comes from the relay: a very slow line, a network that is gone, or large packets that get lost on the way (its MTU)";

interface Sample {
  readonly now: number;
  /** Bytes that were given to the link. */
  readonly sent: number;
  /** Bytes of `sent` that the other side has not acknowledged, as far as that is known. */
  readonly unsent: number;
  readonly heardAt: number;
}

export class LinkFlow {
  readonly #addresses: () => readonly string[];
  readonly #before: readonly string[];
  #taken = 0;
  #movedAt: number;
  #checkedAt: number;
  #gone: string | undefined;
  #why: string | undefined;

  /** @param addresses of this machine by now */
  constructor(now: number, addresses: () => readonly string[]) {
    this.#addresses = addresses;
    this.#before = this.#addresses();
    this.#movedAt = now;
    this.#checkedAt = now;
  }

  /** Why nothing gets through, as long as nothing does. */
  get why(): string | undefined {
    return this.#why;
  }

  /** Whether nothing gets through since an address of this machine is gone: a new link may have another. */
  get isMoved(): boolean {
    return this.#why !== undefined && this.#why === this.#gone;
  }

  /** @returns why nothing gets through, once each time that it begins */
  check({ now, sent, unsent, heardAt }: Sample): string | undefined {
    const taken = sent - unsent;
    if (unsent === 0 || taken > this.#taken) this.#movedAt = now;
    this.#taken = taken;
    const silent = now - heardAt >= STUCK_MS;
    if (!silent && now - this.#movedAt < STUCK_MS) {
      this.#why = undefined;
      return undefined;
    }
    this.#checkAddresses(now);
    const before = this.#why;
    this.#why = this.#gone ?? (silent ? SILENT : LARGE_LOST);
    return this.#why === before ? undefined : this.#why;
  }

  #checkAddresses(now: number): void {
    if (now - this.#checkedAt < ADDRESSES_EVERY_MS) return;
    this.#checkedAt = now;
    const here = this.#addresses();
    const gone = this.#before.filter((address) => !here.includes(address));
    this.#gone =
      gone.length === 0
        ? undefined
        : `this machine does not have the address ${gone.join(", ")} any more: its network changed`;
  }
}

const ESTABLISHED = "01";

/** Bytes that sockets of this process to that port hold, unsent or not acknowledged; 0 if the system does not say. */
export function unsentInKernel(port: number): number {
  if (process.platform !== "linux") return 0;
  const own = ownSockets();
  return ["/proc/net/tcp", "/proc/net/tcp6"]
    .flatMap((path) => kernelText(path)?.split("\n").slice(1) ?? [])
    .map((line) => line.trim().split(/\s+/))
    .filter(([, , remote, state, , , , , , inode]) => {
      const isThere = Number.parseInt(remote?.split(":")[1] ?? "", 16) === port;
      return isThere && state === ESTABLISHED && own.has(inode ?? "");
    })
    .reduce((sum, [, , , , queues]) => sum + Number.parseInt(queues ?? "0", 16), 0);
}

function ownSockets(): ReadonlySet<string> {
  try {
    const links = readdirSync("/proc/self/fd").map((fd) => linkOf(`/proc/self/fd/${fd}`));
    return new Set(links.flatMap((link) => /^socket:\[(\d+)\]$/.exec(link)?.[1] ?? []));
  } catch {
    return new Set();
  }
}

/** Some are closed again while they are listed. */
function linkOf(path: string): string {
  try {
    return readlinkSync(path);
  } catch {
    return "";
  }
}

/** At most so many bytes per second on average; a record goes as a whole, then the next has to wait. */
export class RateLimit {
  readonly #bucket = new TokenBucket();
  readonly #bytesPerSecond: number | undefined;

  /** @param bytesPerSecond undefined: no limit */
  constructor(bytesPerSecond: number | undefined) {
    this.#bytesPerSecond = bytesPerSecond;
  }

  /** Records that may be on their way: a second's worth at most, as control messages wait behind them. */
  get window(): number {
    if (this.#bytesPerSecond === undefined) return WINDOW_RECORDS;
    return Math.min(WINDOW_RECORDS, Math.max(2, Math.ceil(this.#bytesPerSecond / FRAME_BYTES)));
  }

  /** The same for a path that delivers more within a round trip; `window` at least. */
  get windowMost(): number {
    const memory = Math.floor((totalmem() * WINDOW_MEMORY_PART) / FRAME_BYTES);
    const most = Math.max(WINDOW_RECORDS, Math.min(WINDOW_MOST_RECORDS, memory));
    if (this.#bytesPerSecond === undefined) return most;
    return Math.max(this.window, Math.min(most, Math.ceil(this.#bytesPerSecond / FRAME_BYTES)));
  }

  /** How long what comes next has to wait. ms */
  wait(now: number): number {
    return this.#bucket.force(0, now);
  }

  spend(bytes: number, now: number): void {
    if (this.#bytesPerSecond === undefined) return;
    this.#bucket.force((bytes / this.#bytesPerSecond) * 1000, now);
  }
}
