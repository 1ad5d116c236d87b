/** Writes the tables in the documents of PAGES, or of the page named, and the manual page. */
import { join } from "node:path";

import {
  FAULT_WAYS,
  SENT_BY,
  WIRE_FAULTS,
  goes,
  messageKeys,
  type Fault,
  type FaultWay,
  type MessageType,
} from "../../protocol/mod.ts";
import { RELAY_LIMITS, RELAY_LIMIT_NAMES } from "../../relay/limits/operator-limits.ts";
import { CLI_FAULTS } from "../../protocol/wire/cli-faults.ts";
import { RELAY_FAULTS } from "../../protocol/wire/relay-faults.ts";
import { typed } from "../../cli/commands/relay-limits.ts";
import { METRICS } from "../../relay/admin/metric-table.ts";
import { API_TABLES } from "./api-tables.ts";
import { CLI_TABLES } from "./cli-tables.ts";
import { constantTable } from "./constants.ts";
import { manualPage } from "./man.ts";
import { table } from "./markdown.ts";
import { wireLimits } from "./wire-limits.ts";

const DOCS = join(import.meta.dir, "..");

export const PAGES = [
  "reference/protocol.md",
  "reference/cli.md",
  "reference/events.md",
  "reference/relay.md",
  "reference/page.md",
  "reference/api.md",
] as const;

/** The purpose of each message and its reply; keys and senders come from the schema. */
const MEANING: Record<MessageType, readonly [means: string, reply: string]> = {
  challenge: ["comes first: the nonce that the client signs", "`hello`"],
  hello: ["protocol versions, role, proof of the code", "`welcome`, or `fault`"],
  welcome: [
    "the version in use, whether the relay has the page for browsers and stores shares of this client, its limits for this connection",
    "`offer` from a sender",
  ],
  offer: ["the sender offers this share; also to open it again", "`accepted`, or `fault`"],
  storing: ["so many records of a share to be stored are durable", ""],
  stored: ["all records are durable: the share needs its sender no more", "`end`"],
  inspect: ["the sender asks about a share that it stored", "`inspected`"],
  inspected: ["the state of a stored share, and its receipts", ""],
  revoke: ["the sender deletes a share that it stored", "`revoked`"],
  revoked: ["the share is not stored any more", ""],
  accepted: ["the share is open", ""],
  want: ["the relay requests these records", "frames"],
  receivers: [
    "changes of receivers: at most one per RECEIVERS_EVERY_MS, and one before a receipt",
    "",
  ],
  receipt: ["a receiver's `complete`, passed on", "`receipted` when it verifies"],
  receipted: ["the receipt verified", "`completed` to the receiver"],
  admit: ["the relay may serve this receiver of a share offered with `admit`", ""],
  dismiss: ["this receiver gets no more of this share", "`cancel` to the receiver"],
  offers: ["shares of the channel: all of them after `welcome`, then each new one", "`join`"],
  presence: [
    "the sender of a joined share left or returned; at a `join`, that it is away, or came back since the offer",
    "",
  ],
  join: [
    "the receiver requests the share from here on; also to request it again",
    "frames, or `cancel`",
  ],
  ack: ["everything before `next` is written; the window that applies now", "frames"],
  complete: ["the receiver saved everything, with the proof", "`completed`"],
  completed: ["the sender accepted the receipt", ""],
  leave: ["the receiver leaves this share", ""],
  end: ["the share ended normally", ""],
  cancel: ["the share ended early", ""],
  fault: ["a fault of this connection, which the relay closes", ""],
};

const TABLES: Record<string, string> = {
  messages: table(
    ["`t`", "from", "keys", "meaning", "reply"],
    Object.entries(MEANING).map(([type, [means, reply]]) => {
      const t = type as MessageType;
      const keys = messageKeys(t).map((key) => `\`${key}\``);
      return [`\`${t}\``, SENT_BY[t].join(", "), keys.join(" "), means, reply];
    }),
  ),
  limits: table(
    ["name", "value", "unit", "reason"],
    wireLimits.map(({ name, value, unit, reason }) => [name, value.toString(), unit, reason]),
  ),
  relay_limits: table(
    ["option", "default", "meaning", "reason for the default", "fault", "wait"],
    RELAY_LIMIT_NAMES.map((name) => {
      const { kind, default: value, meaning, reason, fault, after } = RELAY_LIMITS[name];
      return [
        `\`--${name}\``,
        `${typed(value, kind)}${kind === "seconds" ? " s" : ""}`,
        meaning,
        reason,
        fault === undefined ? "waits" : `\`${fault}\``,
        after === undefined ? "" : `${after} s`,
      ];
    }),
  ),
  fault_ways: table(
    ["code", ...Object.values(FAULT_WAYS)],
    Object.keys(WIRE_FAULTS).map((code) => {
      const ways = Object.keys(FAULT_WAYS) as FaultWay[];
      return [`\`${code}\``].concat(ways.map((way) => (goes(code, way) ? "yes" : "")));
    }),
  ),
  wire_faults: faultTable(WIRE_FAULTS),
  cli_faults: faultTable(CLI_FAULTS),
  relay_faults: faultTable(RELAY_FAULTS),
  metrics: table(
    ["metric", "type", "labels", "meaning"],
    METRICS.map(({ name, type, labels, help }) => [
      `\`${name}\``,
      type,
      labels.map((label) => `\`${label}\``).join(" "),
      help,
    ]),
  ),
  ...CLI_TABLES,
  ...API_TABLES,
};

function faultTable(faults: Readonly<Record<string, Fault>>): string {
  return table(
    ["code", "sentence", "advice", "retry", "close", "exit"],
    Object.entries(faults).map(([code, { sentence, advice, retry, closeCode, exitCode }]) => [
      `\`${code}\``,
      sentence,
      advice,
      retry ? "yes" : "no",
      closeCode === 0 ? "" : closeCode.toString(),
      exitCode.toString(),
    ]),
  );
}

/** The page with its tables as they must be now. */
export function withTables(page: string): string {
  return page.replace(/<!-- table: (\w+) -->\n[^]*?<!-- end -->/g, (_, name: string) => {
    const isOfConstants = name === "constants" || name === "pageConstants";
    const rows = isOfConstants ? constantTable(page, name) : (TABLES[name] ?? "");
    return `<!-- table: ${name} -->\n\n${rows}\n\n<!-- end -->`;
  });
}

async function rewrite(page: string): Promise<void> {
  await Bun.write(page, withTables(await Bun.file(page).text()));
  await Bun.$`${process.execPath} fmt --no-script ${page}`.quiet();
}

if (import.meta.main) {
  const page = process.argv[2];
  if (page === undefined) {
    for (const name of PAGES) await rewrite(join(DOCS, name));
    await Bun.write(join(DOCS, "reference/fileshare.1"), await manualPage());
  } else {
    await rewrite(page);
  }
}
