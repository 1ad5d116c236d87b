import type { DirectSender } from "./sendfile.ts";
import type { PeerKey } from "../system/connections.ts";
import type { SocketId } from "../share/outlet.ts";

/** Sockets that one tick seeks again; each costs some calls. */
const MATCHES_PER_TICK = 1000;
/** A socket that is not found gets no frame for so long; then Bun sends to it. ms */
const MATCH_MS = 1000;

interface Pending {
  readonly peer: PeerKey;
  readonly until: number;
}

/** Finds the file descriptors of Bun's sockets, so that the kernel can send to them. */
export class FdMatcher {
  readonly #direct: Pick<DirectSender, "attach">;
  readonly #pending = new Map<SocketId, Pending>();

  constructor(direct: Pick<DirectSender, "attach">) {
    this.#direct = direct;
  }

  /** A socket that is not found now is sought again at each tick. */
  match(id: SocketId, peer: PeerKey, now: number): void {
    if (this.#direct.attach(id, peer) !== "later") return;
    this.#pending.set(id, { peer, until: now + MATCH_MS });
  }

  /** A pending socket gets no frame. */
  isPending(id: SocketId): boolean {
    return this.#pending.has(id);
  }

  leave(id: SocketId): void {
    this.#pending.delete(id);
  }

  /**
   * @param isBusy whether bytes are on their way to it, so that it can't be attached now
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
