/**
 * One streaming thread of a relay: makes the worker's hub, sockets, lobby, limits and listeners, and wires them
 * together. The main thread starts it with `start` and speaks to it by `thread-messages.ts`; a timer ticks all parts
 * each TICK_MS. All decisions are elsewhere.
 */
import type { FaultCode } from "../../protocol/mod.ts";
import { nodePrimitives } from "../../protocol/crypto/crypto-node.ts";
import { ClusterSecret } from "../cluster/proof.ts";

import { LiveLimits, CLOSE_MS, SETTLE_MS, TICK_MS } from "../limits/limits.ts";
import { AddressTable } from "../limits/address-table.ts";
import { ARRIVALS_MS, Arrivals } from "../net/arrivals.ts";
import { DescriptorGuard } from "./descriptor-guard.ts";
import { EdgeDoor } from "./edge-door.ts";
import type { TlsPair } from "../access/certificate.ts";
import { awakeClock } from "./awake-clock.ts";
import { Bundles } from "../net/bundles.ts";
import { Egress } from "../net/egress.ts";
import { ClientRouter } from "../net/client-router.ts";
import { Lobby } from "../lobby/mod.ts";
import type { Limits } from "../limits/operator-limits.ts";
import { Hub } from "../share/hub.ts";
import type { StoreTerms } from "../share/hellos.ts";
import { CAN_SHARE_PORT, HTTP_IDLE_SECONDS, Listener } from "../net/listener.ts";
import { openHint } from "../net/tls-hint.ts";
import { Measures } from "./measures.ts";
import { MemoryBudget } from "../limits/memory-budget.ts";
import type { FromWorker, ToWorker, WorkerStart } from "./thread-messages.ts";
import { Native } from "../system/native.ts";
import { BlockPool, blocksOf, noteDescriptors } from "../log/block-pool.ts";
import type { SocketId } from "../share/outlet.ts";
import { refusal } from "../net/refusal.ts";
import { RefusalCounters } from "../limits/refusal-counters.ts";
import { reportAway, Reports } from "./reports.ts";
import { WorkerFence } from "./worker-fence.ts";
import { IdleGc } from "./idle-gc.ts";
import { recordsOpener } from "../store/records-opener.ts";
import { Sockets } from "../net/sockets.ts";
import { reportStats } from "./stats.ts";
import { PageDoor } from "../page/page-door.ts";
import { Peers } from "../net/peer.ts";
import { socketEvents } from "./socket-events.ts";
import { Router, type ClientData } from "./router.ts";
import { Forwards } from "./forwards.ts";
import { Uplinks } from "./uplinks.ts";

declare const self: Worker;

const SECOND_MS = 1000;
/** Between two looks whether an ending worker has stored what came. ms */
const SETTLE_LOOK_MS = 20;

/** Faults that clients get without doing wrong. */
const ORDINARY: ReadonlySet<FaultCode> = new Set([
  "going-away",
  "hello-timeout",
  "not-here",
  "replaced",
]);

/** The same in all threads; it never goes back. */
function sharedClock(): number {
  return performance.timeOrigin + performance.now();
}

function nameOf(publicOrigin: string | undefined): string | undefined {
  return publicOrigin === undefined ? undefined : new URL(publicOrigin).hostname;
}

function storeTerms({ "store-life": life, "stored-share-bytes": bytes }: Limits): StoreTerms {
  return { life: Math.floor(life / SECOND_MS), bytes };
}

function post(message: FromWorker): void {
  self.postMessage(message);
}

function start(given: WorkerStart): (message: ToWorker) => void {
  const { worker, pool: buffers, policy, tls, lobby: isLobbyOpen } = given;
  const clock = awakeClock();
  const kernel = Native.open();
  const native = given.zeroCopy && buffers.file !== undefined ? kernel : undefined;
  if (kernel !== undefined) noteDescriptors(buffers, worker, kernel.descriptors);
  const pool = new BlockPool(buffers, worker, native);
  pool.channelBlocks = blocksOf(policy.limits["channel-log-bytes"]);
  const drained = (id: SocketId): void => hub.drained(id, clock());
  const reports = new Reports((each) => post({ t: "report", report: each }), given.reportLevel);
  const faults: Partial<Record<FaultCode, number>> = {};
  const countFault = (code: FaultCode): void => {
    faults[code] = (faults[code] ?? 0) + 1;
  };
  const limits = new LiveLimits(policy.limits, new RefusalCounters(given.refusals, worker));
  pool.capped = () => limits.count("channel-log-bytes");
  const memory = new MemoryBudget(clock);
  const arrivals = kernel && new Arrivals(kernel, tls !== undefined);
  const lines = { arrivals, kernel, limits, clock };
  const sockets = new Sockets({
    ...lines,
    memory,
    pool,
    native,
    isSecure: tls !== undefined,
    drained,
    failed: ({ client }, code, detail) => {
      countFault(code);
      reports.report({
        level: ORDINARY.has(code) ? "debug" : "info",
        event: "fault-told",
        fields: { code, address: client.address, ...(detail !== undefined && { detail }) },
      });
    },
  });
  const egress = new Egress({ buffer: given.egress, limits, clock: sharedClock, turn: drained });
  const clientRouter = new ClientRouter({
    sockets: new Bundles(sockets),
    pool,
    memory,
    egress,
    failed: countFault,
    hub: {
      opened: (id, address) => hub.opened(id, clock(), address),
      control: (id, message) => hub.control(id, message, clock()),
      message: (id, bytes) => hub.message(id, bytes, clock()),
      drained,
      closed: (id) => hub.closed(id, clock()),
      has: (share) => hub.has(share),
      readable: (share, capability) => hub.readable(share, capability),
      lookUp: (share) => hub.lookUp(share, clock()),
      enter: (id, channel, address) => hub.enter(id, channel, clock(), address),
      enterUplink: (id, uplink) => hub.enterUplink(id, uplink, clock()),
      uplinkSays: (id, word) => hub.uplinkSays(id, word, clock()),
    },
  });
  const { cluster } = given;
  const lookers = (given.store === undefined ? 0 : 1) + (given.hasDirectory ? 1 : 0);
  const forwards = new Forwards({
    primitives: nodePrimitives,
    memory,
    cluster,
    report: reports.report,
    clock,
  });
  const isOfCluster = given.store?.kind === "s3" && given.hasDirectory;
  const fence = isOfCluster ? new WorkerFence() : undefined;
  const hub = new Hub({
    worker,
    pool,
    outlet: clientRouter,
    primitives: nodePrimitives,
    toDirectory: post,
    toStoreBook: given.store === undefined && !given.hasDirectory ? undefined : post,
    lookers: lookers === 0 ? undefined : { count: lookers, tell: post },
    openRecords:
      given.store &&
      recordsOpener(given.store, (...away) => reportAway(reports.report, ...away), fence),
    stallMs: given.stallMs,
    limits,
    relayName: nameOf(policy.access.publicOrigin),
    hasOneChannel: given.onlyFor !== undefined,
    hasPage: given.page,
    admit: (id, hello) => router.admit(id, hello),
    isByPublicName: (id) => router.isByPublicName(id),
    mayStore: (id) => (router.mayStore(id) ? storeTerms(limits.now) : undefined),
    cluster: cluster && {
      secret: new ClusterSecret(cluster.secret, nodePrimitives),
      me: cluster.relay,
      through: (channel, owner, level) => {
        post({ t: "through", worker, channel, owner, level });
      },
      welcomed: (id, client) => edgeDoor?.welcomed(id, client),
      carrier: forwards,
    },
  });
  const uplinks = new Uplinks({
    worker,
    clientRouter,
    primitives: nodePrimitives,
    cluster: given.cluster,
    post,
    report: reports.report,
    clock,
  });
  const peers = new Peers(new AddressTable(given.addresses, worker), limits, sharedClock);
  const lobby = new Lobby({
    ...lines,
    clientRouter,
    peers,
    // Bun alone has the keys of a line with TLS.
    wire: tls === undefined ? kernel : undefined,
    memory,
    isLobbyOpen,
    hasOneChannel: given.onlyFor !== undefined,
  });
  const page = given.page ? new PageDoor(() => post({ t: "page-wanted" })) : undefined;
  const router = new Router({
    policy,
    peers,
    sockets,
    lobby,
    page,
    isLobbyOpen,
    onlyFor: given.onlyFor,
    hasStore: given.store !== undefined,
    reports,
  });
  const idleGc = new IdleGc();
  const measures = new Measures({ worker, hub, sockets, peers, memory }, faults);
  const websocket = socketEvents({
    peers,
    sockets,
    original: lobby.original,
    hub,
    egress,
    idleGc,
    report: reports.report,
    clock,
    isLobbyOpen,
  });

  const error = (mistake: Error): Response => {
    // As in any other handler, a mistake ends this worker.
    setImmediate(() => {
      throw mistake;
    });
    return refusal(500, "The relay made a mistake.");
  };
  const open = (at: number, pair: TlsPair | undefined): Bun.Server<ClientData> =>
    Bun.serve<ClientData>({
      hostname: given.hostname,
      port: at,
      tls: pair,
      reusePort: CAN_SHARE_PORT && (given.workers > 1 || tls !== undefined),
      idleTimeout: HTTP_IDLE_SECONDS,
      // Otherwise Bun shows source code to clients.
      development: false,
      error,
      // Bodies are streamed and never kept whole.
      maxRequestBodySize: Number.MAX_SAFE_INTEGER,
      fetch: (request, server) => {
        idleGc.busy(clock());
        return router.fetch(request, server);
      },
      websocket,
    });
  const listener = new Listener({
    open: (at, pair) => {
      const server = open(at, pair);
      kernel?.keepAlive();
      return server;
    },
    port: given.port,
    tls,
  });
  if (kernel !== undefined) kernel.ownPort = listener.port;
  const { hostname, httpPort } = given;
  const hint = httpPort === undefined ? undefined : openHint(hostname, httpPort, listener.port);
  const isShared = given.workers > 1;
  const edgeDoor =
    cluster &&
    new EdgeDoor({ place: cluster, isShared, sockets, hub, egress, websocket, clock, error });
  const clusterPort = edgeDoor?.listener.port;
  if (kernel !== undefined && clusterPort !== undefined) kernel.edgePort = clusterPort;
  const listeners = [listener, hint, edgeDoor?.listener].filter((each) => each !== undefined);
  const descriptorGuard = new DescriptorGuard(listeners, given.descriptors, reports.report);
  const timer = setInterval(() => {
    hub.tick(clock());
    sockets.tick();
    peers.tick();
    edgeDoor?.tick();
    uplinks.tick();
    forwards.tick();
    clientRouter.tick();
    memory.tick();
    arrivals?.tick();
    router.tick(clock());
    idleGc.tick(clock(), memory.passed);
    measures.tick(performance.now());
    reports.tick(clock());
    descriptorGuard.tick(clock());
  }, TICK_MS);
  const polling = arrivals && setInterval(() => arrivals.poll(), ARRIVALS_MS);
  const reporting = given.stats
    ? reportStats({
        worker,
        hub,
        buffered: () => sockets.bufferedOfAll(),
        report: (each) => post({ t: "stats", stats: each }),
      })
    : undefined;
  post({ t: "ready", ports: { port: listener.port, httpPort: hint?.port, clusterPort } });

  const close = async (): Promise<void> => {
    // Clients in a transfer have much on its way: a reset at once would lose the reason.
    const { text, http } = peers.counts;
    const clientsOfLobby = text.sender + text.receiver + http.sender + http.receiver;
    const busy =
      clientsOfLobby + hub.edges.lines + hub.edges.streams > 0 ||
      [...hub.shares].some(({ fanout, home }) => {
        return fanout.attached > 0 || home.ownerSocket !== undefined;
      });
    lobby.http.isDraining = true;
    const settlesUntil = clock() + SETTLE_MS;
    while (!hub.settle(clock()) && clock() < settlesUntil) await Bun.sleep(SETTLE_LOOK_MS);
    peers.disconnect("going-away");
    edgeDoor?.disconnect();
    uplinks.end();
    forwards.end();
    if (busy) await Bun.sleep(CLOSE_MS);
    clearInterval(timer);
    clearInterval(polling);
    clearInterval(reporting);
    await Promise.all(listeners.map((each) => each.end()));
    sockets.dispose();
    egress.dispose();
    post({ t: "drained" });
  };

  return (message) => {
    switch (message.t) {
      case "start":
        return;
      case "measure":
        post({ t: "measures", measures: measures.take() });
        return;
      case "ping":
        post({ t: "pong" });
        return;
      case "policy":
        router.policy = message.policy;
        limits.now = message.policy.limits;
        pool.channelBlocks = blocksOf(limits.now["channel-log-bytes"]);
        return;
      case "certificate":
        listener.renew(message.tls);
        return;
      case "page":
        page?.take(message.files);
        return;
      case "drain":
        for (const each of listeners) each.close();
        lobby.http.isDraining = true;
        forwards.drain();
        hub.drain(clock(), message.refuge);
        return;
      case "close":
        for (const each of listeners) each.close();
        void close();
        return;
      case "link":
      case "unlink":
      case "tell-owner":
        uplinks.handle(message);
        return;
      case "forward":
        hub.forward(message, clock());
        return;
      case "may-write":
        fence?.told(message);
        return;
      case "stored-state":
      case "counted":
      case "looked-up":
      case "over":
      case "answer":
      case "sender-failed":
      case "socket-failed":
      case "settle":
        hub.storeBook(message, clock());
        return;
      default:
        hub.directory(message, clock());
    }
  };
}

if (!Bun.isMainThread) {
  let handle: ((message: ToWorker) => void) | undefined;
  self.addEventListener("message", ({ data }: MessageEvent<ToWorker>) => {
    if (handle !== undefined) handle(data);
    else if (data.t === "start") handle = start(data);
  });
}
