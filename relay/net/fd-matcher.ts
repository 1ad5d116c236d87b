import type { DirectSender } from "./sendfile.ts";
import type { PeerKey } from "../system/native.ts";
import type { SocketId } from "../share/outlet.ts";

/** Sockets that are looked for again in one tick; each costs some calls. */
const MATCHES_PER_TICK = 1000;
/** How long a socket gets no frame because it is not found yet; then Bun sends to it. ms */
const MATCH_MS = 1000;

interface Pending {
  readonly peer: PeerKey;
  readonly until: number;
}

/** Sockets that the kernel could send to, were it known which of its own they are. */
export class FdMatcher {
  readonly #direct: Pick<DirectSender, "attach">;
  readonly #pending = new Map<SocketId, Pending>();

  constructor(direct: Pick<DirectSender, "attach">) {
    this.#direct = direct;
  }

  /** The kernel shall send to it; one that is not found now is looked for again. */
  match(id: SocketId, peer: PeerKey, now: number): void {
    if (this.#direct.attach(id, peer) !== "later") return;
    this.#pending.set(id, { peer, until: now + MATCH_MS });
  }

  /** Whether it is still being looked for, and gets no frame meanwhile. */
  isPending(id: SocketId): boolean {
    return this.#pending.has(id);
  }

  /** The socket is gone. */
  leave(id: SocketId): void {
    this.#pending.delete(id);
  }

  /**
   * Looks again for those that were not found when they came.
   * @param isBusy whether something is on its way to it, so that it can't be attached now
   * @param settled it was found, or Bun sends to it from now on
   */
  tick(now: number, isBusy: (id: SocketId) => boolean, settled: (id: SocketId) => void): void {
    let tries = MATCHES_PER_TICK;
    for (const [id, { peer, until }] of this.#pending) {
      if (tries-- === 0) return;
      const isFound = !isBusy(id) && this.#direct.attach(id, peer) !== "later";
      if (!isFound && now < until) continue;
      this.#pending.delete(id);
      settled(id);
    }
  }
}
