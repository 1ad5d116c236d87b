/** Event lists that the tests of all screens share. */
import type { ClientEvent } from "../../../cli/job/event-schema.ts";
import type { Setting } from "../../../cli/screen/screen.ts";

const MiB = 1024 * 1024;

export const SENDER: Setting = {
  side: "sender",
  lobby: false,
  otherSide: "fileshare recv zoo-zoo-zoo-zoo-zoo-zoo-bench",
  again: () => "To send it again: fileshare send big.iso",
};

export const RECEIVER: Setting = {
  side: "receiver",
  lobby: false,
  again: () => "To resume, run the same command again",
};

function source(name: string, bytes: number, records: number): ClientEvent {
  const file = { more: 0, files: 1, kind: "files", open: false } as const;
  return { event: "source", name, bytes, records, ...file };
}

export function receiver(
  id: string,
  state: Extract<ClientEvent, { event: "receiver" }>["state"],
  records: number,
  name = id,
): ClientEvent {
  return { event: "receiver", id, name, state, records, done: false };
}

/** 100 records, 1 MiB each; one receiver gets it all, one is lost. */
export const SEND: readonly ClientEvent[] = [
  { event: "code", code: "zoo-zoo-zoo-zoo-zoo-zoo-bench", channel: "00" },
  source("big.iso", 100 * MiB, 100),
  { event: "relay", url: "ws://relay/ws", online: true },
  receiver("anna", "waiting", 0),
  { event: "progress", bytes: 5 * MiB, size: 100 * MiB },
  { event: "progress", bytes: 20 * MiB, size: 100 * MiB },
  receiver("anna", "live", 15),
  receiver("bob", "behind", 5),
  receiver("anna", "live", 19),
  {
    event: "relay",
    url: "ws://relay/ws",
    online: false,
    code: "connection-lost",
    message: "The connection to the relay broke. fileshare reconnects by itself.",
  },
  {
    event: "relay",
    url: "ws://relay/ws",
    online: false,
    code: "relay-unreachable",
    message: "The relay cannot be reached.",
  },
  { event: "relay", url: "ws://relay/ws", online: true },
  { event: "progress", bytes: 100 * MiB, size: 100 * MiB },
  receiver("anna", "done", 100),
  { event: "receiver", id: "anna", name: "anna", state: "done", records: 100, done: true },
  receiver("bob", "lost", 31),
  { event: "done", bytes: 100 * MiB, seconds: 9, active: 4, receivers: 1 },
  {
    event: "error",
    code: "some-failed",
    message: "Some receivers did not get everything. Send it again for them.",
  },
];

export const RECEIVE: readonly ClientEvent[] = [
  { event: "relay", url: "ws://relay/ws", online: true },
  { event: "waiting" },
  { event: "waiting" },
  {
    event: "offer",
    share: "00".repeat(16),
    files: 1,
    bytes: 10 * MiB,
    names: [".bashrc"],
    exists: true,
    question: false,
    sizes: [10 * MiB],
    flagged: [{ name: ".bashrc", flags: ["hidden"] }],
  },
  { event: "resumed", bytes: 4 * MiB, size: 10 * MiB },
  { event: "progress", bytes: 4.5 * MiB, size: 10 * MiB },
  { event: "sender", here: false },
  { event: "sender", here: true },
  { event: "progress", bytes: 10 * MiB, size: 10 * MiB },
  { event: "saved", path: "/home/anna/.bashrc (1)", bytes: 10 * MiB },
  { event: "done", bytes: 10 * MiB, seconds: 5, active: 3 },
];

/** Must not reach a terminal: an erase, a clipboard write, a link, C1, a reversal, nothing. */
export const HOSTILE =
  "a\u001B[2J\u001B]52;c;ZXZpbA==\u0007\u001B]8;;http://evil\u0007\u009B31m\u202Efdp.exe\u200B\u2066\r\n\b\u0000";

/** Events with a hostile text wherever a peer, or a path that a peer named, may put one. */
export const HOSTILE_EVENTS: readonly ClientEvent[] = [
  source(HOSTILE, 10, 1),
  { event: "omitted", path: HOSTILE, why: "link", more: 3 },
  { event: "omitted", path: HOSTILE, why: "unreadable", reason: `${HOSTILE}/.gitignore` },
  {
    event: "offer",
    share: "00".repeat(16),
    files: 1,
    bytes: 10,
    names: [HOSTILE],
    exists: true,
    question: false,
    sizes: [10],
    flagged: [{ name: HOSTILE, flags: ["hidden", "executable"] }],
  },
  { event: "text", text: HOSTILE },
  { event: "resumed", bytes: 1, size: 10 },
  {
    event: "progress",
    bytes: 5,
    size: 10,
    file: { name: HOSTILE, number: 1, of: 2, bytes: 1, size: 5 },
  },
  receiver("anna", "live", 0, HOSTILE),
  receiver("bob", "lost", 0, HOSTILE),
  {
    event: "relay",
    url: `ws://${HOSTILE}`,
    online: false,
    code: "connection-lost",
    message: HOSTILE,
  },
  { event: "kept", path: `/tmp/${HOSTILE}`, bytes: 1, size: 10 },
  { event: "error", code: "unsafe-name", message: `no: ${HOSTILE}` },
  { event: "saved", path: `/tmp/${HOSTILE}`, bytes: 10 },
];

/** Characters that a screen may not write: it writes printable ones and its own line ends. */
export const UNSAFE_TEXT = /(?!\n)[\p{Cc}\p{Cf}]/u;
