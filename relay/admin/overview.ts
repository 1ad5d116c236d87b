/** The numbers that the status command and the page show. */
import { isOpen } from "../../protocol/mod.ts";

import { type ShareMeasures } from "../worker/measures.ts";
import { addLanes, addTotals, noLanes, noTotals } from "../share/totals.ts";
import { heldBlocks } from "../log/block-pool.ts";
import { isWhole, recordsOf, reservedBytes, type Kept } from "../store/kept-share.ts";
import type { ManagedCluster, ManagedRelay, ManagedStore } from "./manager.ts";
import type { Measured } from "./measuring.ts";
import type { MetricSource } from "./metric-table.ts";
import { processMemory } from "./machine.ts";

/** Of more shares those with most bytes are shown: a page of more rows helps nobody. */
const SHARES_SHOWN = 200;
/** As with shares; the file has all. */
const BANS_SHOWN = 200;
const MS = 1000;

export type ShareOverview = ReturnType<typeof shareOverviews>[number];
export type Overview = ReturnType<typeof overview>;

export function metricSource(relay: ManagedRelay, measured: Measured): MetricSource {
  const { health, pool, sharesOpened, workersLost } = relay;
  const shares = { senderHere: 0, senderAway: 0, remote: 0 };
  for (const { senderHere, record } of relay.shares) {
    if (record.remote !== undefined) shares.remote++;
    else if (senderHere) shares.senderHere++;
    else shares.senderAway++;
  }
  const { workers: wanted, up, answering, isEnding } = health;
  return {
    measured,
    shares,
    sharesOpened,
    workers: { wanted, up, answering },
    workersLost,
    refusals: relay.refusals,
    isDraining: isEnding,
    log: { held: heldBlocks(pool), blocks: pool.blocks, blockBytes: pool.blockBytes },
    memory: processMemory(),
    store: relay.store && {
      ...relay.store.counts,
      saves: relay.store.saves,
      most: relay.policy.limits["store-bytes"],
    },
    cluster: relay.cluster,
    certificateEndsAt: relay.certificate?.endsAt,
  };
}

/** @param startedAt on the clock of `measured` */
export function overview(relay: ManagedRelay, measured: Measured, startedAt: number) {
  const { health, workersLost, sharesOpened, pool } = relay;
  const { totals, workers, opened, faults, at } = measured;
  const lanes = noLanes();
  const clients = {
    socket: { stranger: 0, sender: 0, receiver: 0 },
    text: { stranger: 0, sender: 0, receiver: 0 },
    http: { stranger: 0, sender: 0, receiver: 0 },
  };
  for (const worker of workers) {
    addLanes(lanes, worker.lanes);
    for (const door of ["socket", "text", "http"] as const) {
      for (const role of ["stranger", "sender", "receiver"] as const) {
        clients[door][role] += worker.clients[door][role];
      }
    }
  }
  const list = shareOverviews(relay, measured);
  const memory = processMemory();
  return {
    // Seconds since the relay began, and the moment of these measures on the same clock.
    uptime: (at - startedAt) / MS,
    at: at / MS,
    isDraining: health.isEnding,
    workers: {
      wanted: health.workers,
      up: health.up,
      answering: health.answering,
      lost: workersLost,
    },
    bytesIn: totals.bytesIn,
    bytesOut: totals.bytesOut,
    wantedAgain: totals.wantedAgain,
    connections: opened,
    clients,
    lanes,
    buffered: workers.reduce((total, { buffered }) => total + buffered, 0),
    bufferedMost: Math.max(0, ...workers.map(({ bufferedMost }) => bufferedMost)),
    // The most that each worker's event loop was late lately. ms
    delays: workers.map(({ delay }) => delay),
    log: { held: heldBlocks(pool) * pool.blockBytes, most: pool.blocks * pool.blockBytes },
    // Resident memory of the process alone, and of the log's mapped file. bytes
    memory:
      memory === undefined
        ? undefined
        : { own: memory.anonymous, file: memory.file + memory.shared },
    faults,
    refusals: relay.refusals,
    bans: relay.bans.list.slice(0, BANS_SHOWN),
    shares: {
      all: list.length,
      opened: sharesOpened,
      senderHere: list.filter(({ senderHere }) => senderHere).length,
      list: mostBytes(list),
    },
    store: relay.store && storeOverview(relay.store, relay.policy.limits["store-bytes"]),
    cluster:
      relay.cluster &&
      clusterOverview(relay.cluster, list.filter(({ owner }) => owner !== undefined).length, at),
  };
}

/** @param remote shares that are read from other relays */
function clusterOverview(cluster: ManagedCluster, remote: number, at: number) {
  const { name, me, address, counts, relays, roundTrip, since } = cluster;
  const { owned, links, waitingClaims, isConnected } = counts;
  const list = relays.map(({ id, address, version, site, isStranger, shares, seenMsAgo }) => {
    return { id, address, version, site, isStranger, shares, seen: seenMsAgo / MS };
  });
  return {
    name,
    me,
    address,
    // NATS answers, and all is known that is in the directory; or not, for so many seconds.
    isConnected,
    since: Math.max(0, at - since) / MS,
    // ms; absent: NATS did not answer lately.
    roundTrip,
    shares: counts.shares,
    owned,
    remote,
    links,
    waiting: waitingClaims,
    // This relay too. Seconds since each gave a sign of life.
    relays: list.toSorted((one, other) => other.shares - one.shares),
  };
}

function storeOverview({ counts, saves, shares }: ManagedStore, most: number) {
  const { whole, unfinished, bytes, reserved, downloads } = counts;
  const list = [...shares].map((share) => ({ share, bytes: reservedBytes(share) }));
  const shown = list.toSorted((one, other) => other.bytes - one.bytes).slice(0, SHARES_SHOWN);
  return {
    whole,
    unfinished,
    // Durable, with what uploads will bring, and the limit.
    bytes,
    reserved,
    most,
    // Since the relay began.
    downloads,
    failed: saves.failed,
    // ms since 1970, as `until`
    now: Date.now(),
    list: shown.map(({ share: one }) => storedOverview(one)),
  };
}

function storedOverview(one: Kept) {
  const { offer, until, downloads, downloadsMost } = one.share;
  return {
    // Operators remove it by that one.
    number: one.number,
    isWhole: isWhole(one),
    size: isOpen(offer) ? undefined : offer.bytes,
    // Durable records, and how many it has.
    durable: one.durable.size,
    records: recordsOf(one.share),
    // ms since 1970
    until,
    downloads,
    downloadsMost,
  };
}

function mostBytes(list: ShareOverview[]): ShareOverview[] {
  if (list.length <= SHARES_SHOWN) return list;
  const bytes = ({ bytesIn, bytesOut }: ShareOverview): number => bytesIn + bytesOut;
  return list
    .toSorted((one, other) => bytes(other) - bytes(one))
    .slice(0, SHARES_SHOWN)
    .toSorted((one, other) => one.number - other.number);
}

function shareOverviews(relay: ManagedRelay, { workers, at }: Measured) {
  const parts = Map.groupBy(
    workers.flatMap(({ shares }) => shares),
    ({ key }) => key,
  );
  const addresses = new Map(relay.cluster?.relays.map(({ id, address }) => [id, address]));
  const { blockBytes } = relay.pool;
  return [...relay.shares].map(({ record, number, openedAt, senderHere }) => {
    const { offer, key } = record;
    const of: readonly ShareMeasures[] = parts.get(key) ?? [];
    const lanes = noLanes();
    const totals = noTotals();
    let blocks = 0;
    for (const each of of) {
      addLanes(lanes, each.lanes);
      addTotals(totals, each.totals);
      blocks += each.blocks;
    }
    const least = of.flatMap((each) => each.least ?? []);
    const most = of.flatMap((each) => each.most ?? []);
    return {
      // Operators call a share by its number: its ids are secret.
      number,
      // Seconds since it was opened.
      age: Math.max(0, at - openedAt) / MS,
      size: isOpen(offer) ? undefined : offer.bytes,
      records: offer.records,
      seekable: offer.seekable,
      senderHere,
      // The relay that it is read from.
      owner:
        record.remote === undefined
          ? undefined
          : { id: record.remote, address: addresses.get(record.remote) },
      sender: of.find(({ sender }) => sender !== undefined)?.sender,
      lanes,
      // Records that the least and the most of its receivers have.
      least: least.length === 0 ? undefined : Math.min(...least),
      most: most.length === 0 ? undefined : Math.max(...most),
      bytesIn: totals.bytesIn,
      bytesOut: totals.bytesOut,
      wantedAgain: totals.wantedAgain,
      // Bytes of the log.
      kept: blocks * blockBytes,
    };
  });
}
