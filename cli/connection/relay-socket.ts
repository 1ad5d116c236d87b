/**
 * The network below a `RelayLink`: a WebSocket, and plain requests that find out what answers at an address. Bun has both.
 * In Node the thread of the compiled library hands in those of `node-network.ts`, so that Bun never loads them.
 */

/** Why a WebSocket did not open, in Bun's words; some errors have a code. */
export interface SocketError {
  readonly message: string;
  readonly code: string | undefined;
}

export const NO_ERROR: SocketError = { message: "", code: undefined };

export interface SocketEvents {
  opened(): void;
  /** @param data bytes, unless it is no relay that sends */
  message(data: unknown): void;
  /** The relay pinged. */
  pinged(): void;
  /** It broke, or never opened. */
  closed(error: SocketError): void;
}

export interface SocketWay {
  /** Address of the HTTP proxy; undefined: none. */
  readonly proxy: string | undefined;
  /** Authorities in PEM for a relay with TLS, and for a proxy with TLS. */
  readonly ca: readonly string[];
  readonly proxyCa: readonly string[];
}

export interface RelaySocket {
  readonly isOpen: boolean;
  readonly isPaused: boolean;
  /** Bytes given to it that the kernel has not taken. */
  readonly buffered: number;
  /** Copies them before it returns: a sender makes its next frame in the same memory. */
  send(bytes: Uint8Array): void;
  pause(): void;
  resume(): void;
  /** A pong that nobody asked for: the other side hears that this one is there. */
  pong(): void;
  /** Says that it is over; `closed` follows. */
  close(): void;
  terminate(): void;
}

export interface ProbeWay {
  readonly method: "GET" | "HEAD";
  readonly proxy: string | undefined;
  readonly timeoutMs: number;
}

export interface PlainAnswer {
  readonly status: number;
  readonly location: string | undefined;
  /** The protocols that it wants instead (RFC 9110, 7.8); empty: none. */
  readonly upgrade: string;
  /** Its beginning. */
  readonly text: string;
}

export interface Network {
  open(url: string, way: SocketWay, events: SocketEvents): RelaySocket;
  /** Accepts every certificate, since it sends no secret, and follows no redirection. @throws Error without an answer */
  probe(url: string, way: ProbeWay): Promise<PlainAnswer>;
}

/** The part of a foreign answer that is read. bytes */
export const LOOK_BYTES = 4096;

let network: Network = { open: openBunSocket, probe: probeByBun };

/** Replaces Bun's network, before the first link. */
export function useNetwork(other: Network): void {
  network = other;
}

export function openSocket(url: string, way: SocketWay, events: SocketEvents): RelaySocket {
  return network.open(url, way, events);
}

export function probe(url: string, way: ProbeWay): Promise<PlainAnswer> {
  return network.probe(url, way);
}

function openBunSocket(
  url: string,
  { proxy, ca, proxyCa }: SocketWay,
  events: SocketEvents,
): RelaySocket {
  const socket = new WebSocket(url, {
    ...(proxy !== undefined && { proxy: { url: proxy, tls: { ca: [...proxyCa] } } }),
    ...(url.startsWith("wss:") && { tls: { ca: [...ca] } }),
    // Ciphertext does not shrink, and what a relay could inflate is no message of ours.
    perMessageDeflate: false,
  });
  let failure = NO_ERROR;
  socket.binaryType = "nodebuffer";
  socket.addEventListener("open", () => events.opened());
  socket.addEventListener("message", ({ data }: MessageEvent<unknown>) => events.message(data));
  socket.addEventListener("ping", () => events.pinged());
  socket.addEventListener("error", (event) => {
    failure = socketErrorOf(event);
  });
  socket.addEventListener("close", () => events.closed(failure));
  return relaySocketOf(socket);
}

/** Of a WebSocket of Bun or of `ws`, which have these in common. */
interface PausableSocket {
  readonly readyState: number;
  readonly bufferedAmount: number;
  readonly isPaused: boolean;
  send(bytes: Uint8Array): void;
  pause(): void;
  resume(): void;
  pong(): void;
  close(code: number): void;
  terminate(): void;
}

export function relaySocketOf(socket: PausableSocket): RelaySocket {
  return {
    get isOpen() {
      return socket.readyState === WebSocket.OPEN;
    },
    get isPaused() {
      return socket.isPaused;
    },
    get buffered() {
      return socket.bufferedAmount;
    },
    send: (bytes) => socket.send(bytes),
    pause: () => socket.pause(),
    resume: () => socket.resume(),
    pong: () => socket.pong(),
    close: () => socket.close(1000),
    terminate: () => socket.terminate(),
  };
}

function socketErrorOf(event: Event): SocketError {
  if (!(event instanceof ErrorEvent)) return NO_ERROR;
  const { message, error } = event as { message: string; error: unknown };
  const hasCode = error instanceof Error && "code" in error && typeof error.code === "string";
  return { message, code: hasCode ? String(error.code) : undefined };
}

async function probeByBun(
  url: string,
  { method, proxy, timeoutMs }: ProbeWay,
): Promise<PlainAnswer> {
  const response = await fetch(url, {
    method,
    redirect: "manual",
    tls: { rejectUnauthorized: false },
    signal: AbortSignal.timeout(timeoutMs),
    // Without a word Bun reads the environment in its own way.
    proxy: proxy ?? false,
  });
  const reader = response.body?.getReader();
  const piece: { readonly value?: unknown } | undefined = await reader?.read();
  const first = piece?.value instanceof Uint8Array ? piece.value : new Uint8Array(0);
  await reader?.cancel();
  return {
    status: response.status,
    location: response.headers.get("location") ?? undefined,
    upgrade: response.headers.get("upgrade") ?? "",
    text: new TextDecoder().decode(first.subarray(0, LOOK_BYTES)),
  };
}
