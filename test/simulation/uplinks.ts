/** The uplinks of one worker over simulated lines; mirrors relay/worker/uplinks.ts around the real `Uplink`. */
import { fromHex, isFrame } from "../../protocol/mod.ts";
import type { FromCluster, ToCluster } from "../../relay/cluster/messages.ts";
import type { ClusterSecret } from "../../relay/cluster/proof.ts";
import type { LocalSender, LocalSenderEvents } from "../../relay/cluster/uplink-share.ts";
import { Uplink, type Link, type UplinkHost } from "../../relay/cluster/uplink.ts";

import type { LocalSenders } from "./local-senders.ts";
import type { Random } from "./random.ts";
import type { ClientEnd, Wire } from "./wire.ts";
import type { World } from "./world.ts";

/** The place of a relay in its cluster, as its workers know it. */
export interface ClusterSeat {
  /** In hex. */
  readonly relay: string;
  readonly secret: ClusterSecret;
  /** Begins to open a line to another relay. */
  readonly connect: (address: string, end: ClientEnd) => Wire;
  /** A sender at this relay gave a record of the share. */
  readonly wrote: (key: string) => void;
}

export class SimUplinks {
  readonly #world: World;
  readonly #worker: number;
  readonly #seat: ClusterSeat;
  readonly #locals: LocalSenders;
  readonly #tell: (message: ToCluster) => void;
  readonly #links = new Map<number, SimLink>();
  readonly #random: Random;

  constructor(
    world: World,
    worker: number,
    seat: ClusterSeat,
    locals: LocalSenders,
    tell: (message: ToCluster) => void,
  ) {
    this.#world = world;
    this.#worker = worker;
    this.#seat = seat;
    this.#locals = locals;
    this.#tell = tell;
    this.#random = world.fork(`uplinks of ${worker}`);
  }

  handle(message: FromCluster): void {
    if (message.t === "unlink") {
      this.#links.get(message.link)?.uplink.end();
      this.#links.delete(message.link);
      return;
    }
    if (message.t === "tell-owner")
      this.#links.get(message.link)?.uplink.tellOwner(message.message);
    if (message.t !== "link" || this.#links.has(message.link)) return;
    this.#world.count("link");
    if (message.level > 0) this.#world.count("link to a gateway");
    const options = {
      worker: this.#worker,
      seat: this.#seat,
      locals: this.#locals,
      tell: this.#tell,
      random: this.#random,
    };
    this.#links.set(message.link, new SimLink(message, this.#world, options));
  }

  tick(): void {
    for (const { uplink } of this.#links.values()) uplink.tick(this.#world.clock.now);
  }

  /** The thread ends. */
  die(noticedMs: number): void {
    for (const link of this.#links.values()) link.die(this.#random.real(0, noticedMs));
    this.#links.clear();
  }
}

interface SimLinkOptions {
  readonly worker: number;
  readonly seat: ClusterSeat;
  readonly locals: LocalSenders;
  readonly tell: (message: ToCluster) => void;
  readonly random: Random;
}

class SimLink implements UplinkHost, ClientEnd {
  readonly uplink: Uplink;
  readonly #link: Link;
  readonly #world: World;
  readonly #options: SimLinkOptions;
  readonly #wires = new Map<number, Wire>();
  readonly #lines = new Map<Wire, number>();

  constructor(link: Link, world: World, options: SimLinkOptions) {
    this.#link = link;
    this.#world = world;
    this.#options = options;
    const { worker, seat } = options;
    const relay = fromHex(seat.relay) ?? new Uint8Array(0);
    const given = { link, worker, relay, secret: seat.secret, host: this };
    this.uplink = new Uplink(given, world.clock.now);
  }

  die(noticedMs: number): void {
    for (const wire of this.#wires.values()) wire.cut(0, noticedMs);
    this.#wires.clear();
    this.#lines.clear();
  }

  // UplinkHost

  connect(line: number): void {
    const wire = this.#options.seat.connect(this.#link.address, this);
    this.#wires.set(line, wire);
    this.#lines.set(wire, line);
  }

  send(line: number, bytes: Uint8Array): void {
    this.#wires.get(line)?.up.push(bytes.slice());
  }

  disconnect(line: number): void {
    const wire = this.#wires.get(line);
    if (wire === undefined) return;
    this.#forget(line, wire);
    wire.clientCloses();
  }

  sender(events: LocalSenderEvents): LocalSender {
    return this.#options.locals.connect(this.#link, events);
  }

  tell(message: Parameters<UplinkHost["tell"]>[0]): void {
    if (message.t === "link-lost") {
      this.#world.count("link lost");
      this.#world.trace(() => `link ${message.link} lost: ${message.why}`);
    }
    this.#options.tell(message);
  }

  streamLost(why: string): void {
    this.#world.count("stream lost");
    this.#world.trace(() => `stream lost: ${why}`);
  }

  randomBytes(length: number): Uint8Array {
    return this.#options.random.bytes(length);
  }

  // From the wires

  opened(): void {
    // The owner speaks first.
  }

  received(wire: Wire, bytes: Uint8Array): void {
    this.#run(() => {
      const line = this.#lines.get(wire);
      if (line === undefined) return;
      if (isFrame(bytes)) {
        this.#world.count("frames to edges");
        if (this.#breaks(wire)) return;
      }
      const lent = bytes.slice();
      this.uplink.message(line, lent, this.#world.clock.now);
      lent.fill(0xaa);
    });
  }

  closed(wire: Wire): void {
    this.#run(() => {
      const line = this.#lines.get(wire);
      if (line === undefined) return;
      this.#forget(line, wire);
      this.uplink.closed(line, "the line broke", this.#world.clock.now);
    });
  }

  #breaks(wire: Wire): boolean {
    const { faulty, chances } = this.#world;
    const { random } = this.#options;
    if (!faulty || !random.chance(chances.brokenStream ?? 0)) return false;
    wire.cut(random.real(0, 200), random.real(0, 200));
    return true;
  }

  #run(task: () => void): void {
    const { run } = this.#world;
    if (run === undefined) task();
    else run(task);
  }

  #forget(line: number, wire: Wire): void {
    this.#wires.delete(line);
    this.#lines.delete(wire);
  }
}
