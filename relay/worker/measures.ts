/** The counts of a worker, for the overview and the metrics. The main thread asks for them with `measure`. */
import { type FaultCode } from "../../protocol/mod.ts";
import { TICK_MS } from "../limits/limits.ts";

import type { EdgeCounts } from "../share/edges.ts";
import type { Hub } from "../share/hub.ts";
import type { MemoryBudget, MemoryMeasures } from "../limits/memory-budget.ts";
import { addLanes, addTotals, noLanes, type LaneCounts, type Totals } from "../share/totals.ts";
import type { LocalShare } from "../share/local-share.ts";
import type { ClientCounts, Peers } from "../net/peer.ts";
import type { Sockets } from "../net/sockets.ts";

/** Of active shares, those with most bytes are reported; a message stays below 1 MiB. */
const SHARES_MEASURED = 1000;
/** A delay is the maximum of this window and the one before. ms */
const DELAY_WINDOW_MS = 10_000;

/** One worker's part of a share. */
export interface ShareMeasures {
  /** Share id in hex. */
  readonly key: string;
  readonly totals: Totals;
  readonly lanes: LaneCounts;
  /** Records that the slowest and the fastest receiver here have; undefined: there is none. */
  readonly least: number | undefined;
  readonly most: number | undefined;
  /** Blocks of the log. */
  readonly blocks: number;
  /** The address of its sender, if that is connected here. */
  readonly sender: string | undefined;
}

export interface WorkerMeasures {
  readonly worker: number;
  readonly totals: Totals;
  /** WebSockets that were opened. */
  readonly opened: number;
  /** Faults that were told, by code. */
  readonly faults: Readonly<Partial<Record<FaultCode, number>>>;
  readonly clients: ClientCounts;
  /** Lines of other relays; they count as no clients. */
  readonly edges: EdgeCounts;
  readonly lanes: LaneCounts;
  /** Bytes that wait for sockets, over all and of the socket with most. */
  readonly buffered: number;
  readonly bufferedMost: number;
  readonly memory: MemoryMeasures;
  /** The largest delay of its event loop in the last 10 to 20 s. ms */
  readonly delay: number;
  readonly shares: readonly ShareMeasures[];
}

export interface MeasuresOptions {
  readonly worker: number;
  readonly hub: Hub;
  readonly sockets: Sockets;
  readonly peers: Peers;
  readonly memory: MemoryBudget;
}

export class Measures {
  readonly #options: MeasuresOptions;
  readonly #faults: Partial<Record<FaultCode, number>>;
  #tickedAt: number | undefined;
  #windowAt = 0;
  #delay = 0;
  #delayBefore = 0;

  /** @param faults by code; the worker adds to it */
  constructor(options: MeasuresOptions, faults: Partial<Record<FaultCode, number>>) {
    this.#options = options;
    this.#faults = faults;
  }

  /** Should come each TICK_MS. */
  tick(now: number): void {
    const late = this.#tickedAt === undefined ? 0 : now - this.#tickedAt - TICK_MS;
    this.#tickedAt = now;
    if (now - this.#windowAt >= DELAY_WINDOW_MS) {
      this.#windowAt = now;
      this.#delayBefore = this.#delay;
      this.#delay = 0;
    }
    this.#delay = Math.max(this.#delay, late);
  }

  take(): WorkerMeasures {
    const { worker, hub, sockets, peers, memory } = this.#options;
    const totals = { ...hub.ended };
    const lanes = noLanes();
    const shares: ShareMeasures[] = [];
    for (const share of hub.shares) {
      const measured = this.#share(share);
      addTotals(totals, measured.totals);
      addLanes(lanes, measured.lanes);
      if (bytesOf(measured) > 0 || share.fanout.attached > 0 || measured.sender !== undefined) {
        shares.push(measured);
      }
    }
    if (shares.length > SHARES_MEASURED) {
      shares.sort((one, other) => bytesOf(other) - bytesOf(one));
      shares.length = SHARES_MEASURED;
    }
    const { sum, most } = sockets.bufferedOfAll();
    return {
      worker,
      totals,
      opened: sockets.openedEver,
      faults: { ...this.#faults },
      clients: peers.counts,
      edges: hub.edges,
      lanes,
      buffered: sum,
      bufferedMost: most,
      memory: memory.measures,
      delay: Math.max(this.#delay, this.#delayBefore),
      shares,
    };
  }

  #share(share: LocalShare): ShareMeasures {
    const { live, catchUp, paused, least, most } = share.fanout.standing;
    const { ownerSocket, blocks } = share.home;
    const { sockets } = this.#options;
    const isAnybodyHere = live + catchUp + paused > 0;
    return {
      key: share.record.key,
      totals: share.totals,
      lanes: { live, catchUp, paused },
      least: isAnybodyHere ? least : undefined,
      most: isAnybodyHere ? most : undefined,
      blocks,
      sender: ownerSocket === undefined ? undefined : sockets.dataOf(ownerSocket)?.client.address,
    };
  }
}

function bytesOf({ totals }: ShareMeasures): number {
  return totals.bytesIn + totals.bytesOut;
}
