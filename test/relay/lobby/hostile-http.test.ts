/** T1 to T6 and T13 to T15 of the hostile inputs, at the doors for HTTP. */
import { describe, expect, test } from "bun:test";

import { DEFAULT_LIMITS, DEFAULT_POLICY, startRelay } from "../../../relay/mod.ts";
import { content } from "../../support/files.ts";
import { OriginalReceiver } from "../../support/relay/original-clients.ts";
import { relayOfFile } from "../../support/relay/relay-of-file.ts";
import { RawHttp, rawHttp } from "../../support/relay/raw-http.ts";
import { until } from "../../support/until.ts";

const file = relayOfFile();

const ask = (text: string, until?: string) => rawHttp(file.relay.port, text, until);

const HOST = "Host: relay\r\n";

describe.concurrent(
  "a request that two readers may take for two things gets 400 and no transfer",
  () => {
    const put = (headers: string, body: string): string =>
      `PUT /lobby/x HTTP/1.1\r\n${HOST}${headers}\r\n\r\n${body}`;
    test.each([
      [
        "T14 a length and chunks",
        put("Content-Length: 5\r\nTransfer-Encoding: chunked", "0\r\n\r\n"),
      ],
      ["T14 two lengths", put("Content-Length: 5\r\nContent-Length: 6", "hello")],
      ["T14 a length of -1", put("Content-Length: -1", "hello")],
      ["T14 a length of 1e3", put("Content-Length: 1e3", "hello")],
      ["T14 a length of 2^60", put("Content-Length: 1152921504606846976", "hello")],
      ["T14 another coding", put("Transfer-Encoding: identity", "hello")],
      ["T14 chunks within another coding", put("Transfer-Encoding: chunked, identity", "hello")],
      ["T14 a folded header", `GET / HTTP/1.1\r\n${HOST}X: a\r\n b\r\n\r\n`],
      ["T14 a NUL in a header", `GET / HTTP/1.1\r\n${HOST}X: a\0b\r\n\r\n`],
      ["T14 no host", "GET / HTTP/1.1\r\n\r\n"],
      ["T14 a host with a path", "GET / HTTP/1.1\r\nHost: relay/x\r\n\r\n"],
      ["T14 an empty host", "GET /lobby HTTP/1.1\r\nHost: \r\n\r\n"],
      ["T14 a host with a user", "GET /ws HTTP/1.1\r\nHost: a@relay\r\n\r\n"],
      ["T14 a host with a port that is none", "GET / HTTP/1.1\r\nHost: relay:99999\r\n\r\n"],
      ["T14 bytes that are no HTTP", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"],
    ])("%s", async (_, text) => {
      expect(await ask(text, "HTTP/1.1 400 ")).toStartWith("HTTP/1.1 400 ");
    });

    test("T14 the same length twice", async () => {
      const text = put("Content-Length: 5\r\nContent-Length: 5", "hello");
      expect(await ask(text, "one number")).toStartWith("HTTP/1.1 400 ");
    });

    test("T14 lines without a carriage return", async () => {
      expect(await ask("GET / HTTP/1.1\nHost: relay\n\n")).toStartWith("HTTP/1.1 505 ");
    });
  },
);

test.each([
  ["T13 a header of 20 KB", `X: ${"a".repeat(20_000)}\r\n`, "/"],
  ["T13 2,000 headers", Array.from({ length: 2000 }, (_, i) => `X${i}: a\r\n`).join(""), "/"],
  ["T13 an address of 64 KB", "", `/${"a".repeat(65_000)}`],
])("%s gets 431", async (_, headers, path) => {
  const answer = await ask(`GET ${path} HTTP/1.1\r\n${HOST}${headers}\r\n`);
  expect(answer).toStartWith("HTTP/1.1 431 ");
});

const chunk = `10000\r\n${Buffer.from(content(1, 65_536)).toString("latin1")}\r\n`;

test.each<readonly [string, string, Uint8Array | string, (socket: RawHttp) => void]>([
  ["with invalid chunks", "Transfer-Encoding: chunked", chunk, (put) => put.write("zz\r\n")],
  [
    "that ends before its length",
    "Content-Length: 3000000",
    content(1, 2_000_000),
    (put) => put.end(),
  ],
])("T14 a body %s: no side thinks that the file is whole", async (_, header, body, spoil) => {
  await using receiver = await OriginalReceiver.connect(file.relay.url);
  using put = new RawHttp(file.relay.port, `PUT /lobby/x HTTP/1.1\r\n${HOST}${header}\r\n\r\n`);
  put.write(typeof body === "string" ? Buffer.from(body, "latin1") : body);
  await receiver.until(() => receiver.taken > 0);
  spoil(put);
  await receiver.closed;
  expect(receiver.files).toEqual([]);
});

test("HTTP/1.0 and two requests on one line are answered", async () => {
  expect(await ask(`GET / HTTP/1.0\r\n${HOST}\r\n`)).toContain("fileshare relay\n");
  const get = (path: string): string => `GET ${path} HTTP/1.1\r\n${HOST}\r\n`;
  const both = await ask(get("/") + get("/nothing"), "nothing here");
  expect(both.match(/HTTP\/1\.1 (\d+)/g)).toEqual(["HTTP/1.1 200", "HTTP/1.1 404"]);
});

test("Expect: 100-continue is told to go on", async () => {
  const headers = "Expect: 100-continue\r\nContent-Length: 5\r\n";
  const said = await ask(`PUT /lobby/x HTTP/1.1\r\n${HOST}${headers}\r\n`, "100 Continue");
  expect(said).toStartWith("HTTP/1.1 100 Continue");
});

test("T15 the doors of WebSockets give nothing else", async () => {
  for (const path of ["/ws", "/sender", "/receiver"]) {
    const answer = await ask(`GET ${path} HTTP/1.1\r\n${HOST}\r\n`, "takes WebSockets");
    expect(answer).toStartWith("HTTP/1.1 426 ");
  }
});

test("an upload for nobody is let go when its client goes", async () => {
  const { length } = await ask(
    `PUT /lobby/x HTTP/1.1\r\n${HOST}Content-Length: 3000000\r\n\r\n`,
    "waiting for a receiver",
  );
  expect(length).toBeGreaterThan(0);
  const gone = async (): Promise<boolean> => {
    const { status } = await fetch(`${file.relay.url.replace("ws", "http")}/lobby/x`, {
      method: "HEAD",
    });
    return status === 404;
  };
  // As soon as the relay sees that: a request on another line may come first.
  await until(gone);
});

describe.concurrent("T1 a line", () => {
  test("with half a request is closed in time, by Bun", async () => {
    await Promise.all([ask("GET / HT"), ask(`GET / HTTP/1.1\r\n${HOST}`), ask("")]);
  });

  test("with a request that was answered at once is not kept for ever", async () => {
    const paths = ["/", "/nothing", "/lobby/%", "/ws", "/sender"];
    const answers = paths.map((path) => ask(`GET ${path} HTTP/1.1\r\n${HOST}\r\n`));
    for (const answer of await Promise.all(answers)) expect(answer).toStartWith("HTTP/1.1 ");
  });
});

describe("T1 an upload that says how long it is", () => {
  test("and drips is ended, and its line says which limit that was", async () => {
    await using slow = await startRelay({
      policy: { ...DEFAULT_POLICY, limits: { ...DEFAULT_LIMITS, "message-timeout": 500 } },
    });
    const head = `PUT /lobby/x HTTP/1.1\r\n${HOST}Content-Length: 1000000\r\n\r\n`;
    const answer = await new RawHttp(slow.port, head).drip();
    expect(answer).toContain("failed: ");
    expect(answer).toContain("message-timeout: ");
    expect(slow.refusals["message-timeout"]).toBe(1);
  });
});
