/**
 * The network of Node: WebSockets by the package `ws`, since Node's own takes no authorities, no proxy and no pause, and plain
 * requests by `node:http`. Errors get Bun's words, which `connect-errors.ts` reads.
 */
import { request as httpRequest, type ClientRequest, type IncomingMessage } from "node:http";
import { request as httpsRequest } from "node:https";

import { HttpsProxyAgent } from "https-proxy-agent";
import { WebSocket } from "ws";

import { FRAME_BYTES } from "../../protocol/wire/limits.ts";
import { errorCode } from "../system/system-error.ts";
import {
  LOOK_BYTES,
  NO_ERROR,
  relaySocketOf,
  type Network,
  type PlainAnswer,
  type ProbeWay,
  type RelaySocket,
  type SocketError,
  type SocketEvents,
  type SocketWay,
} from "./relay-socket.ts";

/** A request goes through an agent for the proxy, which tells how the proxy answered. */
type ProxiedRequest = ClientRequest & {
  once(
    event: "proxyConnect",
    listener: (answer: { readonly statusCode: number }) => void,
  ): ClientRequest;
};

export const nodeNetwork: Network = { open: openNodeSocket, probe: probeByNode };

function openNodeSocket(url: string, way: SocketWay, events: SocketEvents): RelaySocket {
  const { proxy, ca, proxyCa } = way;
  const agent = proxy === undefined ? undefined : new HttpsProxyAgent(proxy, { ca: [...proxyCa] });
  let refusedByProxy: number | undefined;
  let reachedProxy = false;
  const socket = new WebSocket(url, {
    ...(agent !== undefined && { agent }),
    ...(url.startsWith("wss:") && { ca: [...ca] }),
    perMessageDeflate: false,
    // A longer one is no message of a relay; `RelayLink` refuses it.
    maxPayload: 2 * FRAME_BYTES,
    finishRequest: (request: ProxiedRequest) => {
      request.once("proxyConnect", ({ statusCode }) => {
        reachedProxy = true;
        if (statusCode !== 200) refusedByProxy = statusCode;
      });
      request.end();
    },
  });
  let failure = NO_ERROR;
  socket.binaryType = "nodebuffer";
  socket.on("open", () => events.opened());
  // A relay sends no text, whatever it says.
  socket.on("message", (data, isBinary) => events.message(isBinary ? data : ""));
  socket.on("ping", () => events.pinged());
  socket.on("error", (error) => {
    if (refusedByProxy !== undefined) {
      failure = { message: `Proxy connection failed: ${refusedByProxy}`, code: undefined };
    } else if (agent !== undefined && !reachedProxy) {
      failure = { ...inBunsWords(error), message: unreachableProxy(error) };
    } else failure = inBunsWords(error);
  });
  socket.on("close", () => events.closed(failure));
  return relaySocketOf(socket);
}

function unreachableProxy(error: Error): string {
  const { message } = inBunsWords(error);
  return /WRONG_VERSION_NUMBER/.test(message) ? message : "Failed to connect";
}

/** An error of `ws` and Node, in the words of Bun. */
function inBunsWords(error: Error): SocketError {
  const code = errorCode(error);
  const status = /^Unexpected server response: (\d+)/.exec(error.message)?.[1];
  if (status !== undefined)
    return { message: `Expected 101 status code: ${status}`, code: undefined };
  if (
    code === "ERR_SSL_WRONG_VERSION_NUMBER" ||
    /wrong version number|packet length too long/i.test(error.message)
  ) {
    return { message: "WRONG_VERSION_NUMBER", code: undefined };
  }
  if (code?.startsWith("ERR_SSL_") === true) {
    return {
      message: `TLS handshake failed: ${code.replace("ERR_SSL", "")}:TLSV1_ALERT`,
      code: undefined,
    };
  }
  // The other side hung up on what it did not understand, or spoke something else than HTTP.
  if (error.message === "socket hang up") return { message: "Connection ended", code };
  if (code?.startsWith("HPE_") === true || /^Invalid|^Server sent/.test(error.message)) {
    return { message: `Invalid response: ${error.message}`, code: undefined };
  }
  return { message: error.message, code };
}

async function probeByNode(
  url: string,
  { method, proxy, timeoutMs }: ProbeWay,
): Promise<PlainAnswer> {
  const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
  const send = url.startsWith("https:") ? httpsRequest : httpRequest;
  const request = send(url, {
    method,
    rejectUnauthorized: false,
    signal: AbortSignal.timeout(timeoutMs),
    ...(proxy !== undefined && {
      agent: new HttpsProxyAgent(proxy, { rejectUnauthorized: false }),
    }),
  });
  request.on("response", resolve).on("error", reject);
  // A relay that is asked without an upgrade may answer with one.
  request.on("upgrade", (response, socket) => {
    socket.destroy();
    resolve(response);
  });
  request.end();
  const response = await promise;
  try {
    const pieces: Buffer[] = [];
    let length = 0;
    for await (const piece of response as AsyncIterable<Buffer>) {
      pieces.push(piece);
      length += piece.length;
      if (length >= LOOK_BYTES) break;
    }
    return {
      status: response.statusCode ?? 0,
      location: response.headers.location,
      upgrade: response.headers.upgrade ?? "",
      text: Buffer.concat(pieces).subarray(0, LOOK_BYTES).toString("utf8"),
    };
  } finally {
    response.destroy();
  }
}
