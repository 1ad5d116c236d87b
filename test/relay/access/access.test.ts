/** The rights of each role at each door of a relay. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";

import { FAULTS, toHex } from "../../../protocol/mod.ts";
import { lobbyKeys } from "../../../relay/lobby/lobby-keys.ts";
import { Authorizer, bearerToken } from "../../../relay/access/authorizer.ts";
import { startRelay, type Access, type Relay } from "../../../relay/mod.ts";
import { TokenBook } from "../../../relay/access/tokens.ts";
import type { TestChannel } from "../../support/relay/channel.ts";
import { RawClient, randomId, rawShare, pathOf } from "../../support/relay/raw-client.ts";
import { RawSocket } from "../../support/relay/raw-socket.ts";
import { policyWith, token, withOtherSecret } from "../../support/relay/tokens.ts";
import { expectFault } from "../../support/relay/wire-checks.ts";
import { until } from "../../support/until.ts";

const sends = token(["send"]);
const receives = token(["receive"]);
const both = token(["send", "receive"]);
const admin = token(["admin"]);
const over = token(["send", "receive"], Date.now() - 1);
const tokens = [sends, receives, both, admin, over].map(({ known }) => known);

/** Everything that somebody may come with. */
const GIVEN: Readonly<Record<string, string | undefined>> = {
  nothing: undefined,
  "a token for sending": sends.text,
  "a token for receiving": receives.text,
  "a token for both": both.text,
  "a token for the admin alone": admin.text,
  "a token that is over": over.text,
  "a token with another secret": withOtherSecret(both.text),
  "a token that nobody made": token(["send"]).text,
  "an empty token": "",
  "a text that is no token": "let-me-in",
  "the id alone": both.text.slice(0, 12),
  "a known token's hash": both.known.sha256,
};
const MAY_SEND = ["a token for sending", "a token for both"];
const MAY_RECEIVE = ["a token for receiving", "a token for both"];

type Door = (relay: Relay, token: string | undefined) => Promise<"in" | "out">;

function bearer(token: string | undefined): Record<string, string> {
  return token === undefined ? {} : { authorization: `Bearer ${token}` };
}

function bySocket(role: "sender" | "receiver", channel: TestChannel = randomId()): Door {
  return async (relay, token) => {
    await using client = await RawClient.open(`${relay.url}/ws`);
    await client.hello(role, channel, token === undefined ? {} : { token });
    const answer = await Promise.race([client.when("welcome"), client.when("fault")]);
    if (answer.t === "welcome") return "in";
    await expectFault(client, "not-allowed");
    return "out";
  };
}

function byText(path: string): Door {
  return async (relay, token) => {
    await using socket = RawSocket.open(
      relay.port,
      { ...bearer(token), Host: `127.0.0.1:${relay.port}` },
      path,
    );
    const status = await socket.status();
    expect([101, 401]).toContain(status);
    return status === 101 ? "in" : "out";
  };
}

function byHttp(method: string, path: string, whenIn: number): Door {
  return async (relay, token) => {
    const url = `${relay.url.replace("ws", "http")}${path}`;
    const body = method === "PUT" ? "x" : null;
    const response = await fetch(url, { method, body, headers: bearer(token) });
    await response.body?.cancel();
    expect([whenIn, 401]).toContain(response.status);
    if (response.status === whenIn) return "in";
    expect(response.headers.get("www-authenticate")).toStartWith('Bearer realm="fileshare"');
    return "out";
  };
}

const lobby = lobbyKeys();

const DOORS: readonly (readonly [
  name: string,
  does: "send" | "receive",
  isLobby: boolean,
  door: Door,
])[] = [
  ["a sender", "send", false, bySocket("sender")],
  ["a receiver", "receive", false, bySocket("receiver")],
  ["a sender in the lobby", "send", true, bySocket("sender", lobby)],
  ["a receiver in the lobby", "receive", true, bySocket("receiver", lobby)],
  ["an original sender", "send", true, byText("/sender")],
  ["an original receiver", "receive", true, byText("/receiver")],
  ["an upload by HTTP", "send", true, byHttp("PUT", "/lobby/x", 200)],
  ["a download by HTTP", "receive", true, byHttp("HEAD", "/lobby/y", 404)],
  [
    "ciphertext by HTTP",
    "receive",
    false,
    byHttp("GET", `/c/${toHex(randomId())}/${toHex(randomId())}`, 404),
  ],
];

const RELAYS: readonly Partial<Access>[] = [
  { mode: "open", lobby: "open" },
  { mode: "senders", lobby: "senders" },
  { mode: "closed", lobby: "closed" },
  { mode: "open", lobby: "closed" },
  { mode: "closed", lobby: "open" },
];

describe.each([...RELAYS])("a relay that is %j", (access) => {
  let relay: Relay;
  beforeAll(async () => {
    relay = await startRelay({ policy: policyWith({ ...access, tokens }) });
  });
  afterAll(() => relay.stop());

  test.each([...DOORS])("P1 P4 lets %s in or not", async (_, does, isLobby, door) => {
    const mode = isLobby ? access.lobby : access.mode;
    const isFree = mode === "open" || (mode === "senders" && does === "receive");
    const may = does === "send" ? MAY_SEND : MAY_RECEIVE;
    const came = Object.entries(GIVEN).map(async ([name, given]) => [
      name,
      await door(relay, given),
    ]);
    const wanted = Object.keys(GIVEN).map((name) => {
      return [name, isFree || may.includes(name) ? "in" : "out"];
    });
    expect(await Promise.all(came)).toEqual(wanted);
  });
});

describe("the answer to a client that is not let in", () => {
  test("P1 is the same whether the share exists, and whatever is wrong with the token", async () => {
    await using relay = await startRelay({ policy: policyWith({ mode: "closed", tokens }) });
    const channel = randomId();
    const share = rawShare(3);
    await using sender = await RawClient.open(`${relay.url}/ws`);
    await sender.hello("sender", channel, { token: sends.text });
    await sender.when("welcome");
    const { offer, proof, capability } = share;
    sender.send({ t: "offer", ...offer, proof, capability });
    await sender.when("accepted");
    const guess = async (id: Uint8Array, text: string): Promise<unknown> => {
      await using client = await RawClient.open(`${relay.url}/ws`);
      await client.hello("receiver", id, { token: text });
      await client.closed;
      return client.messages;
    };
    const ask = async (path: string, text: string): Promise<unknown> => {
      const url = `${relay.url.replace("ws", "http")}${path}`;
      const response = await fetch(url, { headers: bearer(text) });
      const headers = [...response.headers].filter(([name]) => name !== "date");
      return [response.status, headers, await response.text()];
    };
    const wrong = [over.text, withOtherSecret(both.text), token(["receive"]).text, "x"];
    const here = pathOf(share);
    const nowhere = `/c/${toHex(randomId())}/${toHex(randomId())}`;
    const answers = wrong.flatMap((text) => [guess(channel, text), guess(randomId(), text)]);
    const pages = wrong.flatMap((text) => [ask(here, text), ask(nowhere, text)]);
    for (const all of [await Promise.all(answers), await Promise.all(pages)]) {
      expect(new Set(all.map((one) => JSON.stringify(one))).size).toBe(1);
    }
  });

  test("P4 says what is missing and not the token", async () => {
    await using relay = await startRelay({ policy: policyWith({ mode: "closed", tokens }) });
    const wrong = withOtherSecret(both.text);
    for (const [given, says] of [
      [undefined, "it wants a token"],
      [wrong, "it does not know this token"],
      [sends.text, "this token is not for who wants to receive"],
    ] as const) {
      await using client = await RawClient.open(`${relay.url}/ws`);
      await client.hello("receiver", randomId(), given === undefined ? {} : { token: given });
      expect(await client.when("fault")).toEqual({
        t: "fault",
        code: "not-allowed",
        message: says,
        retry: false,
      });
      expect((await client.closed).code).toBe(FAULTS["not-allowed"].closeCode);
      const url = `${relay.url.replace("ws", "http")}/c/${"0".repeat(32)}/${"0".repeat(32)}`;
      const page = await (await fetch(url, { headers: bearer(given) })).text();
      expect(page).toContain(says);
      if (given !== undefined) expect(page).not.toContain(given.slice(4));
    }
  });

  test("is told before by the page that helps", async () => {
    await using open = await startRelay();
    await using closed = await startRelay({
      policy: policyWith({ mode: "senders", lobby: "closed" }),
    });
    const [plain, wary] = await Promise.all(
      [open, closed].map(async ({ url }) => (await fetch(url.replace("ws", "http"))).text()),
    );
    expect(plain).not.toContain("token");
    expect(wary).toContain("(senders need a token)");
    expect(wary).toContain("every client that waits there (with a token)");
    expect(wary).toContain("Authorization: Bearer");
  });

  test("a relay without a lobby has none for anybody", async () => {
    await using relay = await startRelay({ lobby: false });
    expect(await bySocket("receiver", lobby)(relay, undefined)).toBe("out");
    expect(await bySocket("receiver")(relay, undefined)).toBe("in");
  });
});

describe("a policy that changes while somebody is in", () => {
  test("the new one counts", async () => {
    await using relay = await startRelay({ policy: policyWith({ mode: "closed", tokens }) });
    const next = token(["receive"]);
    relay.setPolicy(policyWith({ mode: "closed", tokens: [next.known] }));
    await until(async () => (await bySocket("receiver")(relay, receives.text)) !== "in");
    expect(await bySocket("receiver")(relay, next.text)).toBe("in");
  });

  test("a token that is over while it is used lets nobody stay", async () => {
    const soon = token(["receive"]);
    const policy = policyWith({ mode: "closed", tokens: [soon.known] });
    await using relay = await startRelay({ policy });
    await using client = await RawClient.open(`${relay.url}/ws`);
    await client.hello("receiver", randomId(), { token: soon.text });
    await client.when("welcome");
    const expires = Date.now() + 500;
    relay.setPolicy(policyWith({ mode: "closed", tokens: [{ ...soon.known, expires }] }));
    await expectFault(client, "not-allowed");
  });
});

describe("P4 tokens", () => {
  test("are compared whole and at the same length of time whatever is given", () => {
    const book = new TokenBook(tokens);
    const now = Date.now();
    expect(book.find(both.text, now)?.id).toBe(both.known.id);
    const { length } = both.text;
    const slips = Array.from({ length }, (_, at) => {
      return both.text.slice(0, at) + (both.text[at] === "0" ? "1" : "0") + both.text.slice(at + 1);
    });
    const others = ["", "fst_", both.text.slice(0, -1), `${both.text}0`, ` ${both.text}`];
    for (const text of [...slips, ...others, both.text.toUpperCase(), "\u0000", "a".repeat(5000)]) {
      expect(book.find(text, now)).toBeUndefined();
    }
  });

  test("hold until the moment that they are over", () => {
    const until = token(["send"], 1000);
    const gate = (now: number): Authorizer => {
      const access = policyWith({ mode: "closed", tokens: [until.known] }).access;
      return new Authorizer({ access, lobby: true, time: () => now });
    };
    const wish = { role: "send", lobby: false } as const;
    const granted = gate(999).grant(wish, until.text);
    expect(gate(999).holds(granted)).toBe(true);
    expect(gate(1000).holds(granted)).toBe(false);
    expect(() => gate(1000).grant(wish, until.text)).toThrow("does not know");
  });

  test("have 256 random bits, and nothing of them is kept but a hash", () => {
    const made = Array.from({ length: 100 }, () => token(["send"]));
    expect(new Set(made.map(({ text }) => text)).size).toBe(100);
    for (const { text, known } of made) {
      expect(text).toMatch(/^fst_[0-9a-f]{8}_[0-9a-f]{64}$/);
      expect(JSON.stringify(known)).not.toContain(text.slice(-64));
      expect(known.sha256).toBe(new Bun.CryptoHasher("sha256").update(text).digest("hex"));
    }
  });
});

test("the token of a request has at most 512 characters of an alphabet of its own, or counts as malformed", () => {
  const given = (authorization?: string): string | undefined => {
    return bearerToken(new Headers(authorization === undefined ? {} : { authorization }));
  };
  expect(given()).toBeUndefined();
  for (const text of [both.text, "a".repeat(512), "Az09._~+/-=="]) {
    expect(given(`Bearer ${text}`)).toBe(text);
    expect(given(`bearer  ${text}`)).toBe(text);
  }
  for (const text of ["", "a".repeat(513), "a b", "a,b", 'a"b', "a\u00e9", "a;b"]) {
    expect(given(`Bearer ${text}`)).toBe("");
  }
  expect(given(both.text)).toBe("");
  expect(given(`Basic ${both.text}`)).toBe("");
});
