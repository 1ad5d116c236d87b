import { EXIT } from "../../protocol/wire/faults.ts";
import { duration, percent, shown, size } from "../screen/format.ts";
import { jsonLine } from "../screen/json.ts";
import { notePlace } from "../system/state-place.ts";
import { unfinished, type UnfinishedMessage } from "./unfinished.ts";

/** Names are of peers where it was received: escaped for people, as they are for programs. */
export function runList({ json }: { readonly json: boolean }): number {
  notePlace(process.env, { json });
  const all = unfinished();
  for (const item of all) process.stdout.write(json ? eventLine(item) : lines(item));
  if (all.length === 0 && !json) process.stderr.write("Nothing is unfinished\n");
  return EXIT.done;
}

function eventLine({ kind, number, kept }: UnfinishedMessage): string {
  const { share, code, relay, name, bytes, at } = kept;
  const more =
    kind === "send"
      ? { records: kept.records, sent: kept.sent, running: kept.running }
      : { out: kept.out };
  const since = new Date(at).toISOString();
  const about = { share, code, relay, name, bytes, since, ...more };
  return jsonLine({ event: "unfinished", number, kind, ...about });
}

function lines({ kind, number, kept }: UnfinishedMessage): string {
  const ago = duration(Math.max(0, (Date.now() - kept.at) / 1000));
  const state =
    kind === "send"
      ? `${percent(kept.sent, kept.records)} % uploaded${kept.running ? ", running" : ""}`
      : `into ${shown(kept.out)}`;
  const what = `${kind} ${shown(kept.name)} (${size(kept.bytes)})`;
  return `${number}  ${what}: ${state}, begun ${ago} ago\n   code ${kept.code}\n`;
}
