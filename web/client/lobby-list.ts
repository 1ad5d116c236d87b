/**
 * The files that the lobby offers now. It joins the lobby's channel as a receiver does, looks at one
 * share after the other, and agrees to none:
 *
 *   offers --> join {window 1} --> record 0 --> leave --> the next share
 *
 * A window of 1 says that the receiver has not agreed, so no start gate counts it, and a sender forgets a
 * receiver that leaves after the first record. Therefore no second record is asked for: a share whose
 * manifest is longer than one is listed without its names. A share whose sender admits its receivers is
 * not joined at all, because its sender would be asked.
 */
import { deriveKeys, RECEIVER_BYTES, type Keys } from "../../protocol/crypto/keys.ts";
import { LOBBY_CODE } from "../../protocol/code/code.ts";
import type { Primitives } from "../../protocol/crypto/crypto.ts";
import { signerOf } from "../../protocol/crypto/proof.ts";
import { sealName } from "../../protocol/crypto/seal.ts";
import { helloMessage, Link, type Introduction } from "../../protocol/session/link.ts";
import { BoundedMap } from "../../protocol/wire/bounded-map.ts";
import { toHex } from "../../protocol/wire/bytes.ts";
import {
  decodeControl,
  isOpen,
  type Message,
  type MessageOf,
  type OfferSeen,
} from "../../protocol/wire/control.ts";
import {
  aboutOf,
  detailIn,
  FaultError,
  saidIn,
  type FaultCode,
  type Said,
} from "../../protocol/wire/faults.ts";
import { decodeFrame, isFrame, isOfShare } from "../../protocol/wire/frame.ts";
import { BEGINNING_MS, OFFERS_PER_MESSAGE, SHARES_REMEMBERED } from "../../protocol/wire/limits.ts";
import type { LobbyCommand, LobbyEvent, LobbyJob, LobbyShare } from "../job/lobby-messages.ts";
import { pageMessage } from "./fault-texts.ts";
import { Incoming } from "./incoming.ts";
import { LinkQueue } from "./link-queue.ts";
import { primitives as ofBrowser } from "./primitives.ts";
import { RelayLink } from "./relay-link.ts";

/** Time between two looks at the clock, and the least time between two lists for the page. ms */
const TICK_MS = 250;
/** Files of one share in the list; a person reads no more, and all shares together stay below 1 MiB. */
export const LISTED_FILES = 100;
/** How senders see it while it looks. */
const NAME = "a look at the lobby";

/** The share whose first record is on its way. */
interface Look {
  readonly incoming: Incoming;
  readonly deadline: number;
}

type Post = (event: LobbyEvent) => void;

export class LobbyList {
  readonly #post: Post;
  #looker: LobbyLooker | undefined;
  #isStopped = false;

  /** @param primitives those of this browser unless given */
  constructor(job: LobbyJob, post: Post, primitives: Primitives = ofBrowser) {
    this.#post = post;
    this.#start(job, primitives).catch((error: unknown) => {
      post({ t: "end", message: pageMessage("internal", String(error)) });
    });
  }

  command(command: LobbyCommand): void {
    if (command.t !== "stop" || this.#isStopped) return;
    this.#isStopped = true;
    if (this.#looker === undefined) this.#post({ t: "end" });
    else this.#looker.stop();
  }

  async #start(job: LobbyJob, primitives: Primitives): Promise<void> {
    const keys = await deriveKeys(LOBBY_CODE, primitives);
    if (!this.#isStopped) this.#looker = new LobbyLooker(job, keys, primitives, this.#post);
  }
}

/** The connection to the lobby, and the looks at its shares. */
class LobbyLooker {
  readonly #post: Post;
  readonly #keys: Keys;
  readonly #primitives: Primitives;
  readonly #introduction: Introduction;
  readonly #state: Link;
  readonly #link: RelayLink;
  readonly #queue: LinkQueue;
  readonly #timer: ReturnType<typeof setInterval>;
  /** By their ids in hex, in the order of coming. */
  readonly #offers = new Map<string, OfferSeen>();
  /** Shares that were looked at; undefined: there is nothing to see. */
  readonly #seen = new BoundedMap<string, LobbyShare | undefined>(SHARES_REMEMBERED);
  #look: Look | undefined;
  #isLooking = false;
  #isChanged = false;
  #isOver = false;

  constructor(job: LobbyJob, keys: Keys, primitives: Primitives, post: Post) {
    this.#post = post;
    this.#keys = keys;
    this.#primitives = primitives;
    this.#introduction = {
      signer: signerOf(keys, primitives),
      host: new URL(job.relay).hostname,
      token: job.token,
    };
    this.#state = new Link({ giveUpAfterMs: undefined, random: Math.random }, performance.now());
    this.#queue = new LinkQueue(
      {
        opened: () => void this.#state.opened(performance.now()),
        message: (bytes) => this.#message(bytes),
        lost: (fault) => this.#lost(fault),
        flooded: () => this.#drop("bad-message"),
      },
      (error) => this.#failed(error),
    );
    this.#link = new RelayLink(job.relay, this.#queue);
    this.#timer = setInterval(() => this.#tick(), TICK_MS);
    this.#tick();
  }

  stop(): void {
    void this.#end();
  }

  #tick(): void {
    const now = performance.now();
    const effect = this.#state.tick(now);
    if (effect === "connect") this.#connect();
    if (effect === "timed-out") this.#drop(this.#state.timeoutFault);
    // Its beginning does not come; the others are not to wait for it.
    if (this.#look !== undefined && now >= this.#look.deadline) this.#lookedAt(undefined);
    if (!this.#isChanged) return;
    this.#isChanged = false;
    this.#post({ t: "lobby", shares: this.#list() });
  }

  #connect(): void {
    this.#queue.clear();
    this.#link.connect();
  }

  async #message(bytes: Uint8Array<ArrayBuffer>): Promise<void> {
    try {
      if (isFrame(bytes)) await this.#frame(bytes);
      else this.#control(decodeControl(bytes, "relay-to-receiver"));
    } catch (error) {
      this.#failed(error);
    }
  }

  #control(message: Message): void {
    switch (message.t) {
      case "challenge":
        this.#state.challenged();
        this.#link.control(helloMessage(message, "receiver", this.#introduction));
        return;
      case "welcome":
        this.#state.welcomed(message);
        this.#post({ t: "link", online: true });
        return;
      case "offers":
        for (const offer of message.list) {
          if (this.#offers.size < OFFERS_PER_MESSAGE) this.#offers.set(toHex(offer.share), offer);
        }
        this.#isChanged = true;
        this.#lookOn();
        return;
      case "end":
      case "cancel":
        this.#gone(toHex(message.share));
        return;
      case "fault":
        this.#fault(message);
        return;
      default:
        return;
    }
  }

  #gone(share: string): void {
    if (this.#offers.delete(share)) this.#isChanged = true;
    if (this.#look?.incoming.share === share) this.#lookedAt(undefined);
  }

  #fault(message: MessageOf<"fault">): void {
    if (!message.retry) void this.#end(message.code, detailIn(message));
    else this.#drop(message.code, saidIn(message));
  }

  /** Looks at the first share that was not seen yet, one at a time. */
  #lookOn(): void {
    if (this.#look !== undefined || this.#isLooking || !this.#state.online) return;
    for (const [share, offer] of this.#offers) {
      if (this.#seen.has(share)) continue;
      if (offer.admit === true) {
        this.#seen.set(share, unnamed(share, offer));
        continue;
      }
      this.#isLooking = true;
      void this.#join(offer).catch((error: unknown) => this.#failed(error));
      return;
    }
  }

  async #join(offer: OfferSeen): Promise<void> {
    const receiver = this.#primitives.randomBytes(RECEIVER_BYTES);
    const { share } = offer;
    const incoming = await Incoming.open(offer, receiver, this.#keys, this.#primitives);
    const name = await sealName(NAME, { share, receiver }, this.#keys, this.#primitives);
    this.#isLooking = false;
    if (!this.#state.online || !this.#offers.has(incoming.share)) {
      this.#lookOn();
      return;
    }
    this.#look = { incoming, deadline: performance.now() + BEGINNING_MS };
    this.#link.control({ t: "join", share, receiver, name, from: 0, window: 1 });
  }

  async #frame(bytes: Uint8Array): Promise<void> {
    const { tag, index, ciphertext } = decodeFrame(bytes);
    const look = this.#look;
    if (look === undefined || index !== 0 || !isOfShare(tag, look.incoming.offer.share)) return;
    const seen = await read(look.incoming, ciphertext);
    if (this.#look === look) this.#lookedAt(seen);
  }

  /** @param seen undefined: nothing of it can be seen, so it is not listed */
  #lookedAt(seen: LobbyShare | undefined): void {
    const look = this.#look;
    if (look === undefined) return;
    this.#look = undefined;
    this.#link.control({ t: "leave", share: look.incoming.offer.share, reason: "declined" });
    this.#seen.set(look.incoming.share, seen);
    this.#isChanged = true;
    this.#lookOn();
  }

  #list(): LobbyShare[] {
    return [...this.#offers.keys()].flatMap((share) => this.#seen.get(share) ?? []);
  }

  #lost(fault: FaultCode, said: Said = {}): void {
    const isNews = this.#state.lost(fault, performance.now(), (said.after ?? 0) * 1000);
    this.#offers.clear();
    this.#look = undefined;
    if (!isNews || this.#isOver) return;
    this.#post(this.#link.news({ online: false, fault, ...aboutOf(said) }));
  }

  #drop(fault: FaultCode, said?: Said): void {
    this.#queue.clear();
    this.#link.disconnect();
    this.#lost(fault, said);
  }

  #failed(error: unknown): void {
    const { code, detail } =
      error instanceof FaultError ? error : new FaultError("internal", String(error));
    void this.#end(code, detail);
  }

  async #end(fault?: FaultCode, detail?: string): Promise<void> {
    if (this.#isOver) return;
    this.#isOver = true;
    clearInterval(this.#timer);
    if (this.#look !== undefined) this.#lookedAt(undefined);
    this.#queue.clear();
    await this.#link.close();
    if (fault === undefined) this.#post({ t: "end" });
    else this.#post({ t: "end", fault, message: pageMessage(fault, detail) });
  }
}

/** The entry that the first record tells; undefined: the share is none for anybody. */
async function read(incoming: Incoming, ciphertext: Uint8Array): Promise<LobbyShare | undefined> {
  try {
    if (!incoming.stored(await incoming.decipher(ciphertext))) {
      return unnamed(incoming.share, incoming.offer);
    }
  } catch (error) {
    if (error instanceof FaultError) return undefined;
    throw error;
  }
  const { share, kind, files, bytes, open } = incoming.describe();
  const more = Math.max(0, files.length - LISTED_FILES);
  return { share, kind, files: files.slice(0, LISTED_FILES), more, bytes, open };
}

/** A share whose files are not known without a word of its sender, or a second record. */
function unnamed(share: string, offer: OfferSeen): LobbyShare {
  return { share, kind: "files", files: [], more: 0, bytes: offer.bytes, open: isOpen(offer) };
}
