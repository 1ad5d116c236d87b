/** A store that fails and lies: a proxy before S3 that passes requests on, unless it is told to do otherwise. */
import { createServer, request, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

export type S3Fault =
  /** Answers so, without asking the store. */
  | { readonly t: "refuse"; readonly status: number; readonly code: string }
  /** Closes the connection without an answer. */
  | { readonly t: "reset" }
  /** The store has done it, and the answer is lost. */
  | { readonly t: "lose" }
  /** Is passed on later. */
  | { readonly t: "hold"; readonly until: Promise<void> }
  /** Never answers. */
  | { readonly t: "hang" }
  /** Sends the head of the answer and half of the body, and then nothing. */
  | { readonly t: "stall" }
  /** Sends the head of the answer, half of the body, and closes. */
  | { readonly t: "cut" }
  /** As `cut`, and says that this is all. */
  | { readonly t: "shorten" }
  /** Answers with more than was asked for. */
  | { readonly t: "lengthen" }
  /** One bit of the answer is another. */
  | { readonly t: "flip" }
  /** Answers so, whatever the store says. */
  | { readonly t: "say"; readonly body: string };

export interface S3Request {
  readonly method: string;
  /** Behind the bucket; empty for a list. */
  readonly key: string;
  readonly query: URLSearchParams;
  readonly range: string | undefined;
}

export interface S3Proxy extends AsyncDisposable {
  readonly url: string;
  /** All that came. */
  readonly seen: S3Request[];
  /** Asked for each request. */
  fault: (request: S3Request) => S3Fault | undefined;
  /** Changes a request before it is passed on. */
  change: (url: URL) => void;
}

export async function startS3Proxy(store: string): Promise<S3Proxy> {
  const server = createServer((asked, answer) => {
    void answered(asked, answer).catch(() => asked.socket.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const proxy: S3Proxy = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    seen: [],
    fault: () => undefined,
    change: () => undefined,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };

  async function answered(asked: IncomingMessage, answer: ServerResponse): Promise<void> {
    const body = await Array.fromAsync(asked as AsyncIterable<Buffer>);
    const url = new URL(asked.url ?? "/", store);
    const [, , ...key] = url.pathname.split("/");
    const seen: S3Request = {
      method: asked.method ?? "",
      key: key.join("/"),
      query: url.searchParams,
      range: asked.headers.range,
    };
    proxy.seen.push(seen);
    const fault = proxy.fault(seen);
    if (fault?.t === "hang") return;
    if (fault?.t === "hold") await fault.until;
    if (fault?.t === "reset") {
      asked.socket.destroy();
    } else if (fault?.t === "refuse") {
      const text = `<?xml version="1.0"?><Error><Code>${fault.code}</Code></Error>`;
      answer.writeHead(fault.status, { "content-length": text.length }).end(text);
    } else {
      proxy.change(url);
      const { head, bytes } = await passedOn(url, asked, Buffer.concat(body));
      give(answer, head, bytes, fault);
    }
  }

  return proxy;
}

async function passedOn(
  url: URL,
  { method, headers }: IncomingMessage,
  body: Buffer,
): Promise<{ head: IncomingMessage; bytes: Buffer }> {
  // The host stays the one that was signed.
  const passed = request(url, { method, headers });
  const head = await new Promise<IncomingMessage>((resolve, reject) => {
    passed.on("response", resolve).on("error", reject).end(body);
  });
  const bytes = Buffer.concat(await Array.fromAsync(head as AsyncIterable<Buffer>));
  return { head, bytes };
}

function give(
  answer: ServerResponse,
  head: IncomingMessage,
  bytes: Buffer,
  fault: S3Fault | undefined,
): void {
  const { "transfer-encoding": _, ...headers } = head.headers;
  const status = head.statusCode ?? 500;
  const half = bytes.subarray(0, bytes.length >> 1);
  const send = (body: Buffer) =>
    void answer.writeHead(status, { ...headers, "content-length": body.length }).end(body);
  switch (fault?.t) {
    case "lose":
      answer.socket?.destroy();
      break;
    case "cut":
      answer.writeHead(status, { ...headers, "content-length": bytes.length });
      answer.write(half, () => answer.socket?.destroy());
      break;
    case "stall":
      answer.writeHead(status, { ...headers, "content-length": bytes.length });
      answer.write(half);
      break;
    case "shorten":
      send(half);
      break;
    case "lengthen":
      send(Buffer.concat([bytes, bytes]));
      break;
    case "flip":
      if (bytes.length > 0) bytes[bytes.length >> 1]! ^= 1;
      send(bytes);
      break;
    case "say":
      send(Buffer.from(fault.body));
      break;
    default:
      send(bytes);
  }
}
