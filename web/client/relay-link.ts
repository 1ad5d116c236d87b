/**
 * The link of one session to its relay: a browser's WebSocket, and another one each time that the
 * session connects. Receives, sends and the list of the lobby use it alike:
 *
 *   session --connect, disconnect, control--> `RelayLink` --opened, message, lost--> its user
 *
 * No event comes before the call that caused it has returned, so a user may hand each of them to its
 * session at once. `link-watch.ts` says how a dead link is found out.
 */
import { encodeControl, type Message } from "../../protocol/wire/control.ts";
import { FAULTS, type FaultCode } from "../../protocol/wire/faults.ts";
import { FRAME_BYTES } from "../../protocol/wire/limits.ts";
import type { LinkSocket } from "../../protocol/session/driver.ts";
import { pageMessage } from "./fault-texts.ts";
import { LinkWatch, WATCH_MS } from "./link-watch.ts";

/** How long the last messages of a session may take to leave. ms */
const FLUSH_MS = 3000;
/** How long the relay may take to say by HTTP why it gave no WebSocket. ms */
const PROBE_MS = 3000;
/** The part of its answer that is read: a refusal is one line. bytes */
const PROBE_BYTES = 4096;

/** The part of a client that takes the events of its link. */
export interface LinkUser {
  /** The socket is open; the relay speaks first. */
  opened(): void;
  /** A message of the relay, FRAME_BYTES at most. The array is the user's own. */
  message(bytes: Uint8Array<ArrayBuffer>): void;
  /** The socket broke, or never opened. Nothing follows before the next `connect`. */
  lost(fault: FaultCode): void;
}

/** As the messages to the page say it, for a receive, a send and the lobby alike. */
export interface LinkNews {
  readonly t: "link";
  readonly online: boolean;
  readonly fault?: FaultCode | undefined;
  readonly message?: string | undefined;
}

export class RelayLink implements LinkSocket {
  readonly #url: string;
  readonly #user: LinkUser;
  #socket: OneSocket | undefined;
  /** Why there is no link, as far as the relay says it. */
  #why: string | undefined;

  /** @param url such as `wss://relay.example/ws` */
  constructor(url: string, user: LinkUser) {
    this.#url = url;
    this.#user = user;
  }

  /** Bytes given to the socket that have not left; undefined: there is no socket. */
  get buffered(): number | undefined {
    return this.#socket?.buffered;
  }

  connect(): void {
    this.disconnect();
    this.#socket = new OneSocket(this.#url, {
      opened: () => {
        this.#why = undefined;
        this.#user.opened();
      },
      message: (bytes) => this.#user.message(bytes),
      lost: (fault, why) => {
        this.#why = why;
        this.#socket = undefined;
        this.#user.lost(fault);
      },
    });
  }

  /** Cuts the socket; no event of it follows. */
  disconnect(): void {
    this.#socket?.drop();
    this.#socket = undefined;
  }

  control(message: Message): void {
    this.send(encodeControl(message));
  }

  /** Dropped where no socket is open: the session says it again on the next one. */
  send(bytes: Uint8Array): void {
    this.#socket?.send(bytes);
  }

  /** Lets the last messages leave, then closes; no event follows. */
  async close(): Promise<void> {
    const socket = this.#socket;
    this.#socket = undefined;
    await socket?.close();
  }

  /** The event of a session about its link, in words for people. */
  news({
    online,
    fault,
    detail,
  }: {
    readonly online: boolean;
    readonly fault: FaultCode | undefined;
    readonly detail?: string;
  }): LinkNews {
    if (fault === undefined) return { t: "link", online };
    return { t: "link", online, fault, message: pageMessage(fault, this.#why ?? detail) };
  }
}

interface SocketUser {
  opened(): void;
  message(bytes: Uint8Array<ArrayBuffer>): void;
  lost(fault: FaultCode, why?: string): void;
}

/** One WebSocket, from its opening to its end. */
class OneSocket {
  readonly #url: string;
  readonly #socket: WebSocket | undefined;
  #user: SocketUser | undefined;
  #opened = false;
  readonly #watch = new LinkWatch(Date.now());
  #timer: ReturnType<typeof setInterval> | undefined;

  constructor(url: string, user: SocketUser) {
    this.#url = url;
    this.#user = user;
    try {
      this.#socket = new WebSocket(url);
    } catch {
      // A page over https may open no ws:// address. The session hears of it as of all else, later.
      setTimeout(() => this.#lose("relay-unreachable", "this browser does not allow that address"));
      return;
    }
    this.#listen(this.#socket);
  }

  get buffered(): number {
    return this.#socket?.bufferedAmount ?? 0;
  }

  send(bytes: Uint8Array): void {
    // Uint8Array<ArrayBufferLike>: no view of shared memory is made anywhere in the page.
    if (this.#opened) this.#socket?.send(bytes as Uint8Array<ArrayBuffer>);
  }

  drop(): void {
    this.#user = undefined;
    this.#opened = false;
    clearInterval(this.#timer);
    this.#socket?.close();
  }

  async close(): Promise<void> {
    const socket = this.#socket;
    const isOpen = this.#opened;
    this.drop();
    if (!isOpen || socket === undefined) return;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, FLUSH_MS);
      socket.addEventListener("close", () => {
        clearTimeout(timer);
        resolve();
      });
    });
  }

  #listen(socket: WebSocket): void {
    socket.binaryType = "arraybuffer";
    socket.addEventListener("open", () => {
      if (this.#user === undefined) return;
      this.#opened = true;
      this.#watch.heard(Date.now());
      this.#timer = setInterval(() => this.#look(), WATCH_MS);
      this.#user.opened();
    });
    socket.addEventListener("message", ({ data }: MessageEvent<unknown>) => {
      this.#watch.heard(Date.now());
      if (!(data instanceof ArrayBuffer) || data.byteLength > FRAME_BYTES) {
        this.#lose("not-a-relay");
      } else {
        this.#user?.message(new Uint8Array(data));
      }
    });
    socket.addEventListener("close", ({ code }) => {
      if (this.#opened) this.#lose(faultOfClose(code));
      else void this.#explain();
    });
  }

  #lose(fault: FaultCode, why?: string): void {
    const user = this.#user;
    if (user === undefined) return;
    this.drop();
    user.lost(fault, why);
  }

  #look(): void {
    const due = this.#watch.look(Date.now());
    if (due === "dead") this.#lose("connection-lost", "this device slept, or was very busy");
    if (due === "ask") void this.#ask();
  }

  async #ask(): Promise<void> {
    if (await isReachable(this.#url)) this.#watch.heard(Date.now());
    else this.#lose("connection-lost", "the relay does not answer");
  }

  /** A browser tells no script why a WebSocket did not open. The relay says it by HTTP too. */
  async #explain(): Promise<void> {
    if (this.#user === undefined) return;
    const { fault, why } = await askWhy(this.#url);
    this.#lose(fault, why);
  }
}

/** Faults by the code that a relay closes with. Its words come before, in a message; they may be lost. */
const BY_CLOSE_CODE = new Map<number, FaultCode>(
  (Object.keys(FAULTS) as FaultCode[])
    .filter((fault) => FAULTS[fault].closeCode !== 0 && FAULTS[fault].retry)
    .map((fault) => [FAULTS[fault].closeCode, fault]),
);

/** Faults that end a session come in a message alone: a lost line is tried again. */
function faultOfClose(code: number): FaultCode {
  return BY_CLOSE_CODE.get(code) ?? "connection-lost";
}

const FORBIDDEN = 403;
const UPGRADE_REQUIRED = 426;
const TOO_MANY_REQUESTS = 429;
const SERVER_ERROR = 500;

/** Any answer shows that the way there is open. A page from elsewhere may not read it, and need not. */
async function isReachable(url: string): Promise<boolean> {
  try {
    await fetch(url.replace(/^ws/, "http"), {
      cache: "no-store",
      credentials: "omit",
      mode: "no-cors",
      signal: AbortSignal.timeout(PROBE_MS),
    });
    return true;
  } catch {
    return false;
  }
}

async function askWhy(url: string): Promise<{ fault: FaultCode; why?: string }> {
  const signal = AbortSignal.timeout(PROBE_MS);
  try {
    const response = await fetch(url.replace(/^ws/, "http"), {
      // With a POST browsers name the page's origin, as they did with the WebSocket.
      method: "POST",
      cache: "no-store",
      credentials: "omit",
      redirect: "error",
      signal,
    });
    const reader = response.body?.getReader();
    const first = (await reader?.read())?.value;
    await reader?.cancel();
    const text = new TextDecoder().decode(first?.subarray(0, PROBE_BYTES));
    if (text.includes(FAULTS.banned.sentence)) return { fault: "banned" };
    if (response.status === TOO_MANY_REQUESTS) return { fault: "too-fast" };
    if (response.status === FORBIDDEN) return { fault: "wrong-relay" };
    if (response.status === UPGRADE_REQUIRED) return { fault: "upgrade-dropped" };
    if (response.status >= SERVER_ERROR) {
      const why = `the server in front of it answers ${response.status}`;
      return { fault: "relay-unreachable", why };
    }
    return { fault: "not-a-relay", why: `it answers ${response.status}` };
  } catch {
    return { fault: "relay-unreachable" };
  }
}

/**
 * The news of the link that the page was told. A saver that takes nothing holds up the events of the link, so a loss
 * is told before the session hears of it, and only once.
 */
export class ToldLink {
  readonly #post: (news: LinkNews) => void;
  /** Undefined: the link is there, or nothing was told. */
  #lostBy: FaultCode | undefined;

  constructor(post: (news: LinkNews) => void) {
    this.#post = post;
  }

  tell(news: LinkNews): void {
    const isKnown = !news.online && news.fault === this.#lostBy;
    this.#lostBy = news.online ? undefined : news.fault;
    if (!isKnown) this.#post(news);
  }
}
