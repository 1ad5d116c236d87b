/**
 * One send in the page's worker: it drives a `SenderSession` as the CLI's `sending.ts` does, with
 * ciphers and files that answer later. `worker.ts` makes it and passes it the commands of the page.
 *
 *   page --SendJob--> openShare --> session <--messages, one after another-- link
 *                                   session --wanted--> upload --frames----> link
 *
 * Names and receipts take a moment to open. The relay's next message waits for them, because the
 * session wants the answers in the order of its questions.
 */
import { SessionDriver } from "../../protocol/session/driver.ts";
import type { LinkAction } from "../../protocol/session/link.ts";
import type {
  SenderEffect,
  SenderEvent,
  SenderOutcome,
} from "../../protocol/session/sender-events.ts";
import { SenderSession } from "../../protocol/session/sender.ts";
import type { StartWhen } from "../../protocol/session/start-gate.ts";
import { RECEIVER_BYTES, verifyReceipt } from "../../protocol/crypto/keys.ts";
import { signerOf } from "../../protocol/crypto/proof.ts";
import { openName } from "../../protocol/crypto/seal.ts";
import { fromHex, toHex } from "../../protocol/wire/bytes.ts";
import {
  decodeControl,
  type MessageOf,
  type ReceiverEntry,
  type StoredSeen,
} from "../../protocol/wire/control.ts";
import type { FaultCode, FaultError } from "../../protocol/wire/faults.ts";
import { CLIENT_TICK_MS } from "../../protocol/wire/limits.ts";
import { dataPerRecord } from "../../protocol/wire/sizes.ts";
import type { Primitives } from "../../protocol/crypto/crypto.ts";
import { KeptSends } from "../browser/kept-sends.ts";
import { StoredSends } from "../browser/stored-sends.ts";
import { markRunning } from "../browser/running-sends.ts";
import { theStore, type Store } from "../browser/store.ts";
import type { SendCommand, SendEvent, SendJob } from "../job/send-messages.ts";
import { asFault, pageMessage } from "./fault-texts.ts";
import { openShare, type OpenShare } from "./open-share.ts";
import { primitives as pagePrimitives } from "./primitives.ts";
import { rowOf, SendNews } from "./receiver-rows.ts";
import { RelayLink } from "./relay-link.ts";
import { SourceFault } from "./source-fault.ts";
import { Upload } from "./upload.ts";

/** News of receivers and of the upload go to the page so often. ms */
const NEWS_MS = 100;
/**
 * Messages of the relay that wait for the one before. A relay lists its receivers in a hundred
 * messages at most; a browser cannot stop its socket, so a relay that says more loses the line. items
 */
const INBOX_MESSAGES = 256;

interface SendingTools {
  readonly store: Store;
  readonly primitives: Primitives;
}

export class Sending {
  readonly #job: SendJob;
  readonly #post: (event: SendEvent) => void;
  readonly #tools: SendingTools;
  #run: SendRun | undefined;
  #stopped = false;

  constructor(
    job: SendJob,
    post: (event: SendEvent) => void,
    tools: SendingTools = { store: theStore(), primitives: pagePrimitives },
  ) {
    this.#job = job;
    this.#post = post;
    this.#tools = tools;
    void this.#open();
  }

  command(command: SendCommand): void {
    switch (command.t) {
      case "send":
        return;
      case "admit":
        this.#run?.admit(command.receiver, command.admit);
        return;
      case "stop":
        this.#stopped = true;
        this.#run?.stop();
        return;
    }
  }

  async #open(): Promise<void> {
    const { store, primitives } = this.#tools;
    try {
      const kept = new KeptSends(store);
      const opened = await openShare(this.#job, {
        primitives,
        kept,
        clock: () => performance.now(),
      });
      const stored = new StoredSends(store);
      this.#run = new SendRun(this.#job, opened, { primitives, stored }, this.#post);
      if (this.#stopped) this.#run.stop();
    } catch (error) {
      const { code, message } = faultOf(error);
      this.#post({ t: "end", verified: 0, failed: 0, fault: code, message });
    }
  }
}

/** A share from its first offer to its end. */
class SendRun {
  readonly #opened: OpenShare;
  readonly #primitives: Primitives;
  readonly #relay: string;
  readonly #storedSends: StoredSends;
  readonly #news: SendNews;
  readonly #session: SenderSession;
  readonly #driver: SessionDriver<SenderEvent, SenderEffect>;
  readonly #link: RelayLink;
  readonly #upload: Upload;
  readonly #timer: ReturnType<typeof setInterval>;
  readonly #stopRunning: () => void;
  /** Messages of the present line that wait. */
  #inbox: Uint8Array[] = [];
  #reading = false;
  /** Questions of the session about the message before. */
  #asked: Promise<void>[] = [];
  /** Raised with each line: what an older one asked counts no more. */
  #line = 0;
  /** Records that left at least once, from the first. */
  #sent: number;
  #newsAt = 0;
  /** Until this browser remembers the stored share. */
  #storing: Promise<void> | undefined;
  /** Why it cannot go on, in words for people. */
  #fault: FaultError | undefined;
  #stopped = false;

  constructor(
    job: SendJob,
    opened: OpenShare,
    { primitives, stored }: { readonly primitives: Primitives; readonly stored: StoredSends },
    post: (event: SendEvent) => void,
  ) {
    this.#opened = opened;
    this.#relay = job.relay;
    this.#storedSends = stored;
    this.#primitives = primitives;
    this.#news = new SendNews(post);
    this.#sent = opened.sentBefore;
    this.#stopRunning = markRunning(toHex(opened.share));
    const { keys, share, encoded, proof, capability, doneBefore, options } = opened;
    const { recordSize, records, bytes, files } = encoded.manifest;
    const offer = { share, recordSize, records, bytes, seekable: true };
    this.#session = new SenderSession(
      {
        signer: signerOf(keys, primitives),
        host: new URL(job.relay).hostname,
        token: job.token,
        offer: options.ask ? { ...offer, admit: true } : offer,
        proof,
        capability,
        goal: {
          receivers: Math.max(1, options.receivers),
          stay: options.stay && options.toStore === undefined,
        },
        store: options.toStore,
        doneBefore,
        startWhen: startWhenOf(opened),
        giveUpAfterMs: undefined,
        random: Math.random,
      },
      performance.now(),
    );
    this.#link = new RelayLink(job.relay, {
      opened: () => this.#handle({ type: "opened" }),
      message: (message) => this.#arrived(message),
      lost: (fault) => this.#handle({ type: "lost", fault }),
    });
    const clock = (): number => performance.now();
    const act = (effect: Exclude<SenderEffect, LinkAction>): void => this.#do(effect);
    this.#driver = new SessionDriver(this.#session, this.#lineOf(this.#link), clock, act);
    this.#upload = new Upload(opened, {
      wanted: () => this.#session.wanted(),
      // Events of the session can't arise here: sending a record has no effects.
      taken: (index) => void this.#session.handle({ type: "sent", index }, clock()),
      buffered: () => this.#link.buffered,
      send: (frame) => this.#link.send(frame),
      sent: (index) => this.#progressed(index),
      failed: (error) => this.#cannotGoOn(error),
    });
    const code = { code: opened.code, share: toHex(share) };
    const toStore = options.toStore !== undefined;
    this.#news.tell({ t: "code", ...code, records, bytes, files: files.length, toStore });
    if (this.#sent > 0) this.#progressed(this.#sent - 1);
    for (const receiver of this.#session.receivers) this.#news.receiver(receiver);
    this.#timer = setInterval(() => this.#tick(), CLIENT_TICK_MS);
    this.#handle({ type: "tick" });
  }

  /** A person's answer about a receiver, by its id in hex. */
  admit(receiver: string, admit: boolean): void {
    const id = fromHex(receiver);
    if (id?.length === RECEIVER_BYTES) this.#handle({ type: "judged", receiver: id, admit });
  }

  stop(): void {
    this.#stopped = true;
    this.#handle({ type: "interrupted" });
  }

  /** The session's line; each of its ends makes what was under way on it old. */
  #lineOf(link: RelayLink): Pick<RelayLink, "connect" | "disconnect" | "control"> {
    return {
      connect: () => {
        this.#newLine();
        link.connect();
      },
      disconnect: () => {
        this.#newLine();
        link.disconnect();
      },
      control: (message) => link.control(message),
    };
  }

  #newLine(): void {
    this.#line++;
    this.#inbox = [];
    this.#asked = [];
    this.#upload.lineLost();
  }

  #tick(): void {
    const now = performance.now();
    this.#opened.log.tick(now);
    this.#handle({ type: "tick" });
    if (now - this.#newsAt < NEWS_MS) return;
    this.#newsAt = now;
    this.#news.flush();
  }

  #handle(event: SenderEvent): void {
    if (event.type === "lost") this.#newLine();
    this.#driver.handle(event);
    this.#upload.pump();
  }

  #arrived(message: Uint8Array): void {
    if (this.#inbox.length >= INBOX_MESSAGES) {
      this.#link.disconnect();
      this.#handle({ type: "lost", fault: "bad-message" });
      return;
    }
    this.#inbox.push(message);
    if (!this.#reading) void this.#read();
  }

  /** Messages one after another, each when the questions of the one before are answered. */
  async #read(): Promise<void> {
    this.#reading = true;
    try {
      for (let bytes = this.#inbox.shift(); bytes !== undefined; bytes = this.#inbox.shift()) {
        const message = decodeControl(bytes, "relay-to-sender");
        this.#handle({ type: "message", message });
        if (message.t === "accepted" && this.#session.isServing) this.#news.tell({ t: "offered" });
        if (this.#asked.length > 0) await Promise.all(this.#asked.splice(0));
      }
    } catch (error) {
      this.#cannotGoOn(error);
    } finally {
      this.#reading = false;
    }
  }

  #do(effect: Exclude<SenderEffect, LinkAction>): void {
    switch (effect.type) {
      case "open-name":
        this.#asked.push(this.#openName(effect.entry, this.#line));
        return;
      case "check-receipt":
        this.#asked.push(this.#checkReceipt(effect.receipt, this.#line));
        return;
      case "link":
        this.#news.tell(this.#link.news(effect));
        return;
      case "receiver":
        this.#news.receiver(effect.receiver);
        return;
      case "ask":
        this.#news.tell({ t: "asks", receiver: rowOf(effect.receiver) });
        return;
      case "dismissed":
        this.#news.tell({ t: "dismissed", id: toHex(effect.receiver.id) });
        return;
      case "gate": {
        const { agreed, open } = effect;
        this.#news.tell({ t: "gate", agreed, wanted: this.#opened.options.startWhen, open });
        return;
      }
      case "refused-receipt":
        // The receiver stays unverified in its row, and counts as failed in the end.
        return;
      case "storing":
        this.#news.tell({
          t: "storing",
          bytes: this.#opened.content.bytesBefore(effect.records),
        });
        return;
      case "stored":
        this.#storing = this.#stored(effect.stored);
        return;
      case "finish":
        void this.#finish(effect.outcome);
        return;
    }
  }

  /** Before the send is over, as the person may close the page then. */
  async #stored({ until, downloads }: StoredSeen): Promise<void> {
    const { share, proof, code, encoded } = this.#opened;
    const { kind, bytes, files } = encoded.manifest;
    const untilMs = until * 1000;
    const kept = this.#storedSends.keep({
      share: toHex(share),
      proof: toHex(proof),
      code,
      relay: this.#relay,
      name: kind === "text" ? "" : (files[0]?.path.split("/")[0] ?? ""),
      bytes,
      until: untilMs,
    });
    const isKept = await kept.then(
      () => true,
      () => false,
    );
    this.#news.tell({ t: "stored", until: untilMs, downloads, isKept });
  }

  async #openName(entry: ReceiverEntry, line: number): Promise<void> {
    const { keys, share } = this.#opened;
    const name = await openName(entry.name, { share, receiver: entry.id }, keys, this.#primitives);
    if (line === this.#line) this.#handle({ type: "name-opened", entry, name });
  }

  async #checkReceipt(receipt: MessageOf<"receipt">, line: number): Promise<void> {
    const { keys, share, encoded, log } = this.#opened;
    const { receiver, records, mac } = receipt;
    const valid =
      records === encoded.manifest.records &&
      (await verifyReceipt(mac, keys, this.#primitives, share, receiver, records));
    // Before the receiver hears of it: after a reload the send would wait for it.
    if (valid) await log.done(toHex(receiver));
    // A receipt that verified counts, also when the line broke meanwhile.
    if (valid || line === this.#line) this.#handle({ type: "receipt-checked", receipt, valid });
  }

  #progressed(index: number): void {
    const { content, encoded } = this.#opened;
    this.#sent = Math.max(this.#sent, index + 1);
    this.#news.progress(content.bytesBefore(this.#sent), encoded.manifest.bytes);
  }

  #cannotGoOn(error: unknown): void {
    this.#fault ??= asFault(error);
    this.#handle({ type: "failed", fault: this.#fault.code });
  }

  async #finish({ fault, detail, verified, failed }: SenderOutcome): Promise<void> {
    clearInterval(this.#timer);
    this.#upload.end();
    await this.#storing;
    this.#news.flush();
    // A send that failed may go on after a reload, unless its files are other ones now.
    const isOver = fault === undefined || this.#stopped || this.#fault instanceof SourceFault;
    // Both at once: the page waits little for a worker that it stopped.
    await Promise.all([isOver ? this.#opened.log.forget() : undefined, this.#link.close()]);
    this.#stopRunning();
    const message = fault && this.#messageOf(fault, detail);
    this.#news.tell({ t: "end", verified, failed, fault, message });
  }

  #messageOf(fault: FaultCode, detail: string | undefined): string {
    if (this.#stopped && fault === "interrupted") return "You stopped the send.";
    if (this.#fault?.code === fault) return faultOf(this.#fault).message;
    return pageMessage(fault, detail);
  }
}

/** A share that had begun before waits for nobody. */
function startWhenOf({ options, encoded, sentBefore }: OpenShare): StartWhen | undefined {
  const { head, manifest } = encoded;
  const headRecords = Math.ceil(head.length / dataPerRecord(manifest.recordSize));
  if (options.startWhen <= 1 || options.toStore !== undefined || sentBefore > headRecords)
    return undefined;
  return { receivers: options.startWhen, minWaitMs: 0, maxWaitMs: undefined, headRecords };
}

function faultOf(error: unknown): { readonly code: FaultError["code"]; readonly message: string } {
  const fault = asFault(error);
  const message =
    fault instanceof SourceFault ? fault.sentence : pageMessage(fault.code, fault.detail);
  return { code: fault.code, message };
}
