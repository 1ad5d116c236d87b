/** The duties of a relay towards each client, by whichever door it came: one suite for all of them. */
import { describe, expect, test } from "bun:test";
import { connect } from "node:net";

import { FAULTS } from "../../../protocol/mod.ts";
import type { RelayLimitName } from "../../../relay/limits/operator-limits.ts";
import type { PeerDoor, PeerRole } from "../../../relay/net/peer.ts";
import { startRelay, type Access, type Relay, type Limits } from "../../../relay/mod.ts";
import { act, adminOf, overviewWhen } from "../../support/relay/admin-requests.ts";
import { policyOf } from "../../support/relay/limited.ts";
import { randomId } from "../../support/relay/raw-client.ts";
import { RawSocket } from "../../support/relay/raw-socket.ts";
import { token } from "../../support/relay/tokens.ts";

interface Visit {
  /** Where the client says it comes from, by a trusted proxy. */
  readonly from?: string;
  readonly token?: string;
}

/** The HTTP status of a refusal, the code of a close frame, or another way in which a connection ends. */
type End = number | "reset" | undefined;

interface Guest {
  readonly ended: Promise<End>;
  leave(): unknown;
}

/** A client that came by a door, and does nothing more. */
interface Door {
  readonly door: PeerDoor;
  readonly role: PeerRole;
  readonly enter: (relay: Relay, visit: Visit) => Promise<Guest>;
  /** How it ends for each reason. */
  readonly ends: Readonly<
    Record<"limit" | "banned" | "not-allowed" | "going-away" | "silent", End>
  >;
  /** The limit that it exceeds by its silence; undefined: it may be silent. */
  readonly silence?: RelayLimitName;
  readonly enterSilently?: Door["enter"];
}

function headersOf({ from, token: text }: Visit): Record<string, string> {
  return {
    ...(from !== undefined && { "X-Forwarded-For": from }),
    ...(text !== undefined && { Authorization: `Bearer ${text}` }),
  };
}

function socketGuest(socket: RawSocket, status: number): Guest {
  const ended = status === 101 ? socket.closed : Promise.resolve(status);
  return { ended, leave: () => socket[Symbol.asyncDispose]() };
}

const bySocket = (role: "sender" | "receiver"): Door => ({
  door: "socket",
  role,
  enter: async ({ port }, visit) => {
    const socket = RawSocket.open(port, headersOf(visit));
    const status = await socket.status();
    if (status === 101) await Promise.race([socket.hello(role, randomId(), visit), socket.closed]);
    return socketGuest(socket, status);
  },
  ends: {
    limit: FAULTS["too-many"].closeCode,
    banned: FAULTS.banned.closeCode,
    "not-allowed": FAULTS["not-allowed"].closeCode,
    "going-away": FAULTS["going-away"].closeCode,
    silent: FAULTS["timed-out"].closeCode,
  },
  silence: "idle-timeout",
});

const byOriginal = (role: "sender" | "receiver"): Door => ({
  door: "text",
  role,
  enter: async ({ port }, visit) => {
    const socket = RawSocket.open(port, headersOf(visit), `/${role}`);
    const status = await socket.status();
    // A sender without a name has said no hello.
    if (status === 101 && role === "sender") socket.frame(0x81, Buffer.from("name"));
    return socketGuest(socket, status);
  },
  ends: { limit: 429, banned: 1008, "not-allowed": 1008, "going-away": 1001, silent: undefined },
  silence: "idle-timeout",
});

async function http({ port }: Relay, method: string, visit: Visit): Promise<Guest> {
  const aborted = new AbortController();
  const options = { method, headers: headersOf(visit), signal: aborted.signal };
  const body = method === "PUT" ? "some" : null;
  const url = `http://127.0.0.1:${port}/lobby/x`;
  const status = fetch(url, { ...options, body }).then(async (response) => {
    await response.text();
    return response.status;
  });
  const ended = status.catch(() => "reset" as const);
  return Promise.resolve({ ended, leave: () => aborted.abort() });
}

/** Says how long its body is, and sends none of it. */
function withoutBody({ port }: Relay): Promise<Guest> {
  const socket = connect(port, "127.0.0.1");
  socket.write("PUT /lobby/x HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\n");
  socket.on("error", () => undefined).resume();
  const { promise: ended, resolve } = Promise.withResolvers<End>();
  socket.on("close", () => resolve("reset"));
  return Promise.resolve({ ended, leave: () => socket.destroy() });
}

const upload: Door = {
  door: "http",
  role: "sender",
  enter: (relay, visit) => http(relay, "PUT", visit),
  ends: {
    limit: 429,
    banned: "reset",
    "not-allowed": "reset",
    "going-away": "reset",
    silent: "reset",
  },
  silence: "message-timeout",
  enterSilently: withoutBody,
};

/** May wait for a sender for ever; unread.test.ts has those that read nothing. */
const download: Door = {
  door: "http",
  role: "receiver",
  enter: (relay, visit) => http(relay, "GET", visit),
  ends: { limit: 429, banned: 503, "not-allowed": 503, "going-away": 503, silent: undefined },
};

const DOORS: Readonly<Record<string, Door>> = {
  "a sender": bySocket("sender"),
  "a receiver": bySocket("receiver"),
  "an original sender": byOriginal("sender"),
  "an original receiver": byOriginal("receiver"),
  "an upload by HTTP": upload,
  "a download by HTTP": download,
};

const HERE = "192.0.2.1";
const LONG_MS = 600_000;

async function openRelay(
  access: Partial<Access> = {},
  limits: Partial<Limits> = {},
): Promise<Relay> {
  // On a busy machine a client may wait for long before the test goes on.
  const policy = policyOf({ "idle-timeout": LONG_MS, ...limits });
  const admin = { hostname: "127.0.0.1", port: 0 };
  return startRelay({ policy: { ...policy, access: { ...policy.access, ...access } }, admin });
}

function untilThere(relay: Relay, { door, role }: Door, count: number): Promise<unknown> {
  return overviewWhen(adminOf(relay), ({ clients }) => clients[door]?.[role] === count);
}

describe.each(Object.entries(DOORS))("%s", (_, door) => {
  test.concurrent("is counted while it is there", async () => {
    await using relay = await openRelay();
    const guest = await door.enter(relay, {});
    await untilThere(relay, door, 1);
    await guest.leave();
    await untilThere(relay, door, 0);
  });

  test.concurrent(
    "is refused over the limit of its address, and comes in once there is room",
    async () => {
      await using relay = await openRelay({}, { "sockets-per-address": 1 });
      const first = await door.enter(relay, { from: HERE });
      await untilThere(relay, door, 1);
      expect(await (await door.enter(relay, { from: HERE })).ended).toBe(door.ends.limit);
      expect(relay.refusals["sockets-per-address"]).toBe(1);
      const other = await door.enter(relay, { from: "192.0.2.2" });
      await untilThere(relay, door, 2);
      await first.leave();
      await untilThere(relay, door, 1);
      await door.enter(relay, { from: HERE });
      await untilThere(relay, door, 2);
      await other.leave();
    },
  );

  test.concurrent("is disconnected when its address is banned; others stay", async () => {
    await using relay = await openRelay();
    const guest = await door.enter(relay, { from: HERE });
    await door.enter(relay, { from: "192.0.2.2" });
    await untilThere(relay, door, 2);
    await act(adminOf(relay), "ban", { address: HERE });
    expect(await guest.ended).toBe(door.ends.banned);
    await untilThere(relay, door, 1);
    expect(await (await door.enter(relay, { from: HERE })).ended).toBe(403);
  });

  test.concurrent("is disconnected when its token is revoked; others stay", async () => {
    const [revoked, kept] = [token(["send", "receive"]), token(["send", "receive"])];
    const closed = { mode: "closed", lobby: "closed" } as const;
    await using relay = await openRelay({ ...closed, tokens: [revoked.known, kept.known] });
    const guest = await door.enter(relay, { token: revoked.text });
    await door.enter(relay, { token: kept.text });
    await untilThere(relay, door, 2);
    const policy = policyOf({});
    relay.setPolicy({ ...policy, access: { ...policy.access, ...closed, tokens: [kept.known] } });
    expect(await guest.ended).toBe(door.ends["not-allowed"]);
    await untilThere(relay, door, 1);
  });

  test.concurrent("is disconnected when the relay goes away", async () => {
    await using relay = await openRelay();
    const guest = await door.enter(relay, {});
    await untilThere(relay, door, 1);
    await relay.stop();
    expect(await guest.ended).toBe(door.ends["going-away"]);
  });

  const { silence, enter, enterSilently = enter } = door;
  if (silence === undefined) return;
  test.concurrent("is cut when it is silent for too long", async () => {
    await using relay = await openRelay({}, { [silence]: 500 });
    const guest = await enterSilently(relay, {});
    expect(await guest.ended).toBe(door.ends.silent);
    expect(relay.refusals[silence]).toBe(1);
  });
});
