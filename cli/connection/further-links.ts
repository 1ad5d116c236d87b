/**
 * The further connections of one session: sockets to the same relay that carry frames beside the main one, because a
 * single TCP connection is slow where packets get lost far away. They come and go while the transfer runs on what it
 * has, and all of them end with the main one. `SessionLink` owns them.
 *
 *   open --challenge, the main one is welcomed--> hello with the session's id --welcome with the same id--> online
 *                                                   --fault: at another worker--> again, a few times
 *                                                   --another id: an older relay--> none
 *                                                   --any other fault: it is full--> no more
 */
import { equalBytes } from "../../protocol/wire/bytes.ts";
import { helloMessage, type Introduction } from "../../protocol/session/link.ts";
import { decodeControl, encodeControl, type Role } from "../../protocol/wire/control.ts";
import { FaultError } from "../../protocol/wire/faults.ts";
import { isFrame } from "../../protocol/wire/frame.ts";
import { CONNECT_MS } from "../../protocol/wire/limits.ts";
import type { RelayLink, RelayLinkEvents } from "./relay-link.ts";

/**
 * For each connection that is wanted: of a relay with a few workers each try finds the right one by chance, and a
 * connection may break.
 */
const TRIES_PER_CONNECTION = 6;
/** Between a connection that failed and the next try: a relay counts the tries of an address. ms */
const RETRY_MS = 300;

/** The facts by which a relay knows whose a further connection is. */
export interface Membership {
  /** The `session` of the main connection's `welcome`. */
  readonly session: Uint8Array;
  readonly role: Role;
  readonly introduction: Introduction;
}

export interface FurtherOptions {
  /** How many there shall be. */
  readonly wanted: number;
  readonly open: (events: RelayLinkEvents) => RelayLink;
  readonly frame: (bytes: Uint8Array) => void;
  /** One of them carries frames from now on. */
  readonly joined: () => void;
  /** One of them broke that may have had frames on its way. */
  readonly lost: (link: RelayLink) => void;
}

interface Further {
  link: RelayLink | undefined;
  state: "greeting" | "proving" | "online";
  /** The relay's challenge, while nobody knows the session. */
  greeting: Uint8Array | undefined;
  readonly since: number;
}

export class FurtherLinks {
  readonly #options: FurtherOptions;
  readonly #links = new Set<Further>();
  readonly #retries = new Set<NodeJS.Timeout>();
  #triesLeft: number;
  #membership: Membership | undefined;

  constructor(options: FurtherOptions) {
    this.#options = options;
    this.#triesLeft = options.wanted * TRIES_PER_CONNECTION;
    this.#fill();
  }

  /** The relay welcomed the main connection: these ones may say whose they are. */
  join(membership: Membership): void {
    this.#membership = membership;
    for (const further of this.#links) {
      const { greeting } = further;
      further.greeting = undefined;
      if (greeting !== undefined) this.#message(further, greeting);
    }
    this.#fill();
  }

  #fill(): void {
    while (this.#links.size < this.#options.wanted && this.#triesLeft > 0) this.#open();
  }

  /** The links that carry frames. */
  get online(): RelayLink[] {
    return [...this.#links].flatMap(({ state, link }) => (state === "online" && link) || []);
  }

  /** Whether frames may come by one of them: its welcome may follow a frame by another connection. */
  get mayCarry(): boolean {
    for (const { state } of this.#links) if (state !== "greeting") return true;
    return false;
  }

  pause(): void {
    for (const { link } of this.#links) link?.pause();
  }

  resume(): void {
    for (const { link } of this.#links) link?.resume();
  }

  watch(now: number): void {
    for (const further of this.#links) {
      further.link?.watch(now);
      if (further.state === "online") further.link?.keepAlive(now);
      else if (now - further.since >= CONNECT_MS) this.#lose(further);
    }
  }

  drop(): void {
    this.#end();
    for (const { link } of this.#links) link?.drop();
    this.#links.clear();
  }

  /** Lets what was sent leave, then closes. */
  async close(isHeard: boolean): Promise<void> {
    this.#end();
    const links = [...this.#links].flatMap(({ link }) => link ?? []);
    this.#links.clear();
    await Promise.all(links.map((link) => link.close(isHeard)));
  }

  #end(): void {
    this.#triesLeft = 0;
    for (const timer of this.#retries) clearTimeout(timer);
    this.#retries.clear();
  }

  #open(): void {
    if (this.#triesLeft === 0) return;
    this.#triesLeft--;
    const further: Further = {
      link: undefined,
      state: "greeting",
      greeting: undefined,
      since: performance.now(),
    };
    this.#links.add(further);
    further.link = this.#options.open({
      opened: () => undefined,
      message: (bytes) => this.#message(further, bytes),
      lost: () => this.#lose(further),
    });
  }

  #message(further: Further, bytes: Uint8Array): void {
    if (isFrame(bytes)) {
      if (further.state === "online") this.#options.frame(bytes);
      return;
    }
    if (this.#membership === undefined) {
      // The link may reuse the memory of what it received.
      further.greeting ??= new Uint8Array(bytes);
      return;
    }
    try {
      this.#hear(further, bytes, this.#membership);
    } catch (error) {
      if (!(error instanceof FaultError)) throw error;
      this.#lose(further);
    }
  }

  #hear(further: Further, bytes: Uint8Array, { role, session, introduction }: Membership): void {
    const message = decodeControl(bytes, `relay-to-${role}`);
    if (message.t === "challenge" && further.state === "greeting") {
      further.state = "proving";
      const hello = helloMessage(message, role, introduction, session);
      further.link?.send(encodeControl(hello));
    } else if (message.t === "welcome" && further.state === "proving") {
      if (!equalBytes(message.session, session)) {
        this.drop();
        return;
      }
      further.state = "online";
      this.#options.joined();
    } else {
      // A relay that has no room needs its room for clients that have no connection yet.
      if (message.t === "fault" && message.code !== "not-here") this.#triesLeft = 0;
      this.#lose(further);
    }
  }

  #lose(further: Further): void {
    if (!this.#links.delete(further)) return;
    further.link?.drop();
    if (further.state === "online" && further.link !== undefined) this.#options.lost(further.link);
    // A relay that does not even greet refuses this address, or cannot be reached.
    if (this.#triesLeft === 0 || further.state === "greeting") return;
    const timer = setTimeout(() => {
      this.#retries.delete(timer);
      this.#open();
    }, RETRY_MS);
    this.#retries.add(timer);
  }
}

/** Records of a sender that are remembered: as many as a relay may wait for at once. */
const SENT_RECORDS = 128;

/** The records that a sender sent last, and by which connection. */
export class SentRecords {
  readonly #last: { readonly by: unknown; readonly index: number }[] = [];

  note(by: unknown, index: number): void {
    this.#last.push({ by, index });
    if (this.#last.length > SENT_RECORDS) this.#last.shift();
  }

  /** The records by this connection, which may be on their way. */
  by(link: unknown): number[] {
    return this.#last.filter(({ by }) => by === link).map(({ index }) => index);
  }
}
