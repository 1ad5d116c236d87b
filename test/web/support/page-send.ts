/** Sends of the page in the test's own thread: the worker's code, with the store of a browser in memory. */
import type { Primitives } from "../../../protocol/crypto/crypto.ts";
import { nodePrimitives } from "../../../protocol/crypto/crypto-node.ts";
import { webPrimitives } from "../../../protocol/crypto/crypto-web.ts";
import { MemoryStore, type Store } from "../../../web/browser/store.ts";
import { Sending } from "../../../web/client/sending.ts";
import type {
  ChosenFile,
  ReceiverRow,
  SendCommand,
  SendEvent,
  SendJob,
} from "../../../web/job/send-messages.ts";
import { KNOWN } from "../../support/clients/known-masters.ts";

type EventName = SendEvent["t"];
type SendEventOf<Name extends EventName> = Extract<SendEvent, { t: Name }>;

const masters = new Map<string, string>(KNOWN);

/** WebCrypto as in a page. It computes scrypt only for codes that are not of the tests. */
const testPrimitives: Primitives = {
  ...webPrimitives,
  scrypt: (secret, salt, length) => {
    const master = masters.get(new TextDecoder().decode(secret));
    if (master !== undefined) return Uint8Array.fromHex(master);
    return nodePrimitives.scrypt(secret, salt, length);
  },
};

type PageSendJob = Pick<SendJob, "relay"> &
  Partial<SendJob> & { readonly files?: readonly ChosenFile[]; readonly store?: Store };

export class PageSend implements AsyncDisposable {
  readonly seen: SendEvent[] = [];
  readonly store: Store;
  readonly end: Promise<SendEventOf<"end">>;
  readonly #sending: Sending;
  readonly #waiting = new Set<() => void>();

  constructor({ files = [], store = new MemoryStore(), ...job }: PageSendJob) {
    this.store = store;
    const content = { kind: "files", files } as const;
    const all: SendJob = {
      t: "send",
      content,
      receivers: 1,
      stay: false,
      startWhen: 1,
      ask: false,
      ...job,
    };
    this.#sending = new Sending(all, (event) => this.#take(event), {
      store,
      primitives: testPrimitives,
    });
    this.end = this.when("end");
  }

  /** The first event of that name that passes, past or to come. */
  async when<Name extends EventName>(
    name: Name,
    passes: (event: SendEventOf<Name>) => boolean = () => true,
  ): Promise<SendEventOf<Name>> {
    for (let at = 0; ; at++) {
      while (at >= this.seen.length) {
        await new Promise<void>((resolve) => this.#waiting.add(resolve));
      }
      const event = this.seen[at]!;
      if (isNamed(event, name) && passes(event)) return event;
      if (event.t === "end") throw new Error(`ended without ${name}: ${JSON.stringify(this.seen)}`);
    }
  }

  all<Name extends EventName>(name: Name): SendEventOf<Name>[] {
    return this.seen.filter((event) => isNamed(event, name));
  }

  /** The newest row of each receiver. */
  get receivers(): ReceiverRow[] {
    const rows = new Map(this.all("receiver").map(({ receiver }) => [receiver.id, receiver]));
    return [...rows.values()];
  }

  command(command: SendCommand): void {
    this.#sending.command(command);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.command({ t: "stop" });
    await this.end;
  }

  #take(event: SendEvent): void {
    this.seen.push(event);
    for (const wake of this.#waiting) wake();
    this.#waiting.clear();
  }
}

function isNamed<Name extends EventName>(event: SendEvent, name: Name): event is SendEventOf<Name> {
  return event.t === name;
}

/** A file as a browser gives it, of these bytes. */
export function chosen(
  path: string,
  bytes: Uint8Array,
  lastModified = 1_700_000_000_000,
): ChosenFile {
  const name = path.slice(path.lastIndexOf("/") + 1);
  return { path, file: new File([bytes.slice()], name, { lastModified }) };
}
