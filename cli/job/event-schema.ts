/**
 * What `--json` prints, one object a line, as schemas: the types of the events come from them,
 * `docs/reference/events.md` prints them, and a test holds real runs against them. Fields may be added; what
 * one means never changes.
 *
 * Names in events come from peers and are not escaped; who shows them to a person must.
 */
import * as v from "valibot";

import type { FileState } from "../../protocol/content/states.ts";
import { UNSOUND_TOLD } from "../../protocol/wire/limits.ts";
import { FAULTS, type FaultCode } from "../../protocol/wire/faults.ts";

/** A field, with what it means. */
function field<Schema extends v.GenericSchema>(schema: Schema, meaning: string) {
  return v.pipe(schema, v.description(meaning));
}

/** An event, with when it comes. */
function event<const Name extends string, Fields extends v.ObjectEntries>(
  name: Name,
  meaning: string,
  fields: Fields,
) {
  const entries = { event: v.literal(name), ...fields };
  return v.pipe(v.strictObject(entries), v.description(meaning));
}

const text = v.string();
const yes = v.boolean();
const whole = v.pipe(v.number(), v.integer(), v.minValue(0));
const seconds = v.pipe(v.number(), v.minValue(0));
const hex = v.pipe(v.string(), v.regex(/^[0-9a-f]+$/));
const names = v.pipe(v.array(text), v.readonly());
const faultCode = v.picklist(Object.keys(FAULTS) as FaultCode[]);
const fileAt = v.pipe(
  v.strictObject({ name: text, number: whole, of: whole, bytes: whole, size: whole }),
  v.readonly(),
);
const state = v.picklist(["waiting", "live", "behind", "done", "lost", "left"]);

const fate = v.pipe(
  v.strictObject({
    id: hex,
    name: text,
    state,
    records: whole,
    done: yes,
    /** None where nobody knows the end. */
    percent: v.optional(whole),
  }),
  v.readonly(),
);

const change = v.pipe(
  v.strictObject({
    path: text,
    what: v.picklist(["new", "gone", "size", "time", "mode", "other file", "content"]),
  }),
  v.readonly(),
);
const unsound = v.pipe(
  v.strictObject({ path: text, what: v.picklist(["grown", "changed", "missing"]) }),
  v.readonly(),
);
const danger = v.picklist(["hidden", "autorun", "executable"]);
const flags = v.pipe(v.array(danger), v.readonly());
const flagged = v.pipe(v.array(v.strictObject({ name: text, flags })), v.readonly());
const sizes = v.pipe(v.array(whole), v.readonly());

const untold = field(
  v.optional(whole),
  "so many events of the kind before it were left out, as too many came at once",
);

const WENT_WRONG =
  "A fault. In the lobby a share may fail and the session goes on; otherwise it is the last.";
const wrong = {
  code: field(faultCode, "stable; [protocol.md](protocol.md) lists all"),
  message: field(text, "a sentence for people"),
};
const error = event("error", WENT_WRONG, wrong);

export const clientEvent = v.variant("event", [
  event("code", "A sender's code. First of all.", {
    code: field(text, "what receivers need"),
    channel: field(hex, "id of its channel, which the relay sees"),
    share: field(v.optional(hex), "id of the share"),
    path: field(v.optional(text), "of the share's ciphertext at the relay, for `curl`"),
    kept: field(v.optional(yes), "whether `resume` can offer the same share again later"),
  }),
  event("checking", "Files were touched since: what was sent of them is compared first.", {
    files: field(whole, "so many"),
  }),
  event(
    "changed",
    "Files changed since an earlier run, so its share is offered anew under the same code.",
    {
      share: field(hex, "id of the earlier share"),
      changes: field(
        v.pipe(v.array(change), v.readonly()),
        "`path` and `what` of the first of them",
      ),
      more: field(whole, "changes that are not listed"),
    },
  ),
  event(
    "edition",
    "Files changed, so the share is offered anew under the same code; receivers have other ids there.",
    {
      share: field(v.optional(hex), "sender: id of the share now"),
      path: field(v.optional(text), "sender: of its ciphertext at the relay, for `curl`"),
      kept: field(v.optional(yes), "sender: whether `resume` can offer it again later"),
    },
  ),
  event(
    "unkept",
    "The state for `resume` can't be written any more: it will not find this share.",
    {
      share: field(hex, "id of the share"),
    },
  ),
  event("source", "The content that a sender is about to send.", {
    name: field(text, "of the file or folder, or the first of several"),
    more: field(whole, "so many more paths were named"),
    files: field(whole, "how many, with folders that hold nothing"),
    bytes: field(whole, "of the content; 0 where nobody knows"),
    records: field(whole, "of the share, or as many as there can be"),
    kind: field(v.picklist(["files", "text"]), "`text` is there to be shown"),
    open: field(yes, "it ends when the standard input does, and nobody knows its size"),
  }),
  event("omitted", "An entry of a folder that is not sent.", {
    path: field(text, "where it is"),
    why: field(
      v.picklist(["link", "outside", "broken", "special", "unsafe", "unreadable", "endless"]),
      "a link; one that leads out of the folder; nowhere or round in a circle; a pipe or device; a name that receivers refuse; what cannot be read; a file without an end",
    ),
    reason: field(v.optional(text), "why it could not be read"),
    more: field(v.optional(whole), "so many more after this one"),
  }),
  event("relay", "The line to the relay came up, or broke and is tried again.", {
    url: field(text, "address of the relay"),
    online: field(yes, "whether the line is up"),
    proxy: field(v.optional(text), "address of the proxy on the way, without name and password"),
    code: field(v.optional(faultCode), "why it is not"),
    detail: field(v.optional(text), "what the relay says of that, such as a limit and how long"),
    message: field(v.optional(text), "the same for people"),
    untold,
  }),
  event(
    "gate",
    "The number of receivers that have agreed, while the content waits for enough of them.",
    {
      agreed: field(whole, "so many, and they are there"),
      wanted: field(whole, "so many are waited for"),
      open: field(yes, "it begins now, and waits no more"),
      untold,
    },
  ),
  event("receiver", "A receiver as the sender sees it, whenever that changes.", {
    id: field(hex, "stays the same when it resumes"),
    name: field(text, "as it calls itself, from a peer; empty where that is not known"),
    state: field(state, "`live` and `behind` receive; `lost` may come back, `left` will not"),
    records: field(whole, "on its disk"),
    done: field(
      yes,
      "its receipt verified: it has everything, unless `confirmed` says that nobody knows",
    ),
    confirmed: field(
      v.optional(yes),
      "false: all was sent to it, and it can't say that it saved it, such as curl",
    ),
    untold,
  }),
  event("alone", "Nobody is there, for so long; told once for each reason.", {
    why: field(
      v.picklist(["no-relay", "no-receiver", "no-offer"]),
      "no line to the relay; no receiver came; nothing is offered under this code",
    ),
    seconds: field(seconds, "for so long"),
    relay: field(text, "address of the relay"),
  }),
  event(
    "summary",
    "The receivers of a send that is stopped, and how far each came. Before its error.",
    {
      complete: field(whole, "so many have everything"),
      partial: field(whole, "so many have a part"),
      nothing: field(whole, "so many have nothing yet"),
      receivers: field(
        v.pipe(v.array(fate), v.readonly()),
        "each of them; first those that lack something",
      ),
      more: field(whole, "so many that are not listed"),
      wanted: field(v.optional(whole), "so many were waited for; none with `--stay`"),
    },
  ),
  event("awaits", "The receivers that a sender waits for, once it is online and at each change.", {
    wanted: field(v.optional(whole), "it ends with so many; none with `--stay`"),
    complete: field(whole, "so many have everything"),
    receiving: field(whole, "so many get it now"),
    unanswered: field(whole, "so many are there and have not agreed yet"),
    lost: field(whole, "so many lost their line, and may come back"),
    missing: field(whole, "so many of those wanted have not come"),
  }),
  event("asks", "A receiver of a share sent with --ask: it has nothing before it is let in.", {
    id: field(hex, "of the receiver: what an answer is about"),
    name: field(text, "as it calls itself, from a peer"),
    untold,
  }),
  event("dismissed", "A receiver was taken out, and is kept out of this share.", {
    id: field(hex, "of the receiver"),
    name: field(text, "as it calls itself, from a peer"),
    reason: field(v.picklist(["not-admitted", "too-slow"]), "why"),
    untold,
  }),
  event("unadmitted", "A receiver waits for the sender to let it in.", { untold }),
  event("waiting", "A receiver is in the channel and nothing is offered.", { untold }),
  event("unreadable", "A share of the channel is nothing for this code; others are waited for.", {
    code: field(faultCode, "`corrupt-record` when it was made without the code, or damaged"),
    message: field(text, "the same for people"),
    count: field(whole, "so many by now; the 1st, 2nd, 4th, 8th and so on are told"),
  }),
  event("offer", "The offer to a receiver.", {
    share: field(hex, "id of the share: what an answer is about"),
    files: field(whole, "how many"),
    bytes: field(whole, "of all files"),
    names: field(names, "of the files, from a peer"),
    exists: field(yes, "something else of such a name is in the folder already"),
    question: field(yes, "the share waits for an answer"),
    folders: field(v.optional(whole), "empty ones beside the files; their names end with a slash"),
    kind: field(v.optional(v.picklist(["files", "text"])), "a text is shown and not saved"),
    open: field(v.optional(yes), "a stream whose end nobody knows yet"),
    sizes: field(v.optional(sizes), "of the files, in the order of their names"),
    flagged: field(v.optional(flagged), "names that deserve a second look, and why"),
    same: field(v.optional(whole), "files that are here already as they are in the share"),
    made: field(v.optional(whole), "folders that it makes, those with something in them included"),
    disk: field(v.optional(whole), "bytes of the disk that all of it takes, folders included"),
  }),
  event("renamed", "A file or folder is saved under another name, as its own cannot be here.", {
    from: field(text, "its path in the share, from a peer"),
    to: field(text, "its path here, without --prefix"),
    more: field(v.optional(whole), "so many more after this one"),
  }),
  event("skipped", "Files that are not fetched: they are here already, or left as they are.", {
    files: field(whole, "how many"),
    bytes: field(whole, "of them"),
  }),
  event("text", "A text came. Nothing was saved.", {
    text: field(text, "as it was sent, from a peer"),
  }),
  event("resumed", "A share goes on where an earlier run stopped.", {
    bytes: field(whole, "here already; sender: sent at least once"),
    size: field(whole, "of all"),
  }),
  event("sender", "The sender of the share at hand left or came back.", {
    here: field(yes, "whether it is there"),
    untold,
  }),
  event("progress", "The position of the transfer; at most 10 per second.", {
    bytes: field(whole, "sender: uploaded once; receiver: on the disk"),
    size: field(whole, "of all; 0 where nobody knows"),
    file: field(
      v.optional(fileAt),
      "of several, the one under way: `number` of `of`, and its part",
    ),
  }),
  event("saved", "An outermost file or folder is whole and in its place; very many come as one.", {
    path: field(text, "where; of very many the folder that they are in"),
    bytes: field(whole, "that came"),
    files: field(v.optional(whole), "that came"),
  }),
  event("kept", "The arrived part of an unfinished share is kept, to go on.", {
    path: field(text, "where"),
    bytes: field(whole, "that arrived"),
    size: field(whole, "of all"),
    untold,
  }),
  event(
    "unsound",
    "Files changed while they were sent: at the end, those that did not arrive whole.",
    {
      files: field(
        v.pipe(v.array(unsound), v.readonly()),
        "`path` and `what` of the first of them: one that has `grown` is saved as far as it was offered",
      ),
      more: field(whole, "files that are not listed"),
    },
  ),
  event("done", "All done; at a sender also when some failed.", {
    bytes: field(whole, "of the share"),
    seconds: field(seconds, "from the start"),
    active: field(
      v.optional(seconds),
      "of them since content came that was agreed to; sender: until the last receiver had all",
    ),
    receivers: field(v.optional(whole), "sender: how many have everything, or were sent it"),
    unconfirmed: field(
      v.optional(whole),
      "sender: those of them that can't say that they saved it",
    ),
  }),
  event("error", WENT_WRONG, { ...wrong, untold }),
]);

/** What `fileshare relay --json` prints. */
export const relayEvent = v.variant("event", [
  event("listening", "The relay takes clients.", {
    url: field(text, "address for clients"),
    port: field(whole, "the one it listens at"),
    workers: field(whole, "streaming threads"),
    httpPort: v.optional(field(whole, "the plain one that leads to TLS")),
  }),
  event("token", "One of `fileshare relay token list --json`.", {
    id: field(text, "what names it"),
    name: field(v.optional(text), "whose it is"),
    roles: field(v.array(v.picklist(["send", "receive", "admin"])), "what it allows"),
    created: field(v.optional(text), "when it was made, as ISO 8601 has it"),
    expires: field(v.optional(text), "when it ends; else never"),
  }),
  event("draining", "It was told to end; transfers run on.", {
    seconds: field(seconds, "for so long at most"),
  }),
  error,
]);

/** What `fileshare doctor --json` prints. */
export const doctorEvent = v.variant("event", [
  event("check", "Something was looked at.", {
    name: field(text, "what"),
    verdict: field(v.picklist(["fine", "warning", "failed"]), "`failed`: exit code 1 in the end"),
    message: field(text, "what was found, for people"),
    advice: field(text, "what can be done, or nothing"),
  }),
  error,
]);

/** What `fileshare list --json` prints: one of these per send or receive that is not through. */
export const listEvent = v.variant("event", [
  event("unfinished", "A send or a receive that is not through.", {
    number: field(whole, "in the list: what `resume` and `forget` take"),
    kind: field(v.picklist(["send", "receive"]), "which"),
    share: field(hex, "id of the share"),
    code: field(text, "its code"),
    relay: field(text, "address of the relay"),
    name: field(text, "of what is sent or received; may be a peer's"),
    bytes: field(whole, "of all files"),
    since: field(text, "when it began, as ISO 8601 has it"),
    records: field(v.optional(whole), "send: of the share"),
    sent: field(v.optional(whole), "send: records that were sent at least once"),
    running: field(v.optional(yes), "send: a process has it"),
    out: field(v.optional(text), "receive: the folder"),
  }),
]);

/** What happens during a send or a receive. */
export type ClientEvent = Readonly<v.InferOutput<typeof clientEvent>>;

/** A file that did not stay what it was. */
export interface Unsound {
  /** As receivers see it. */
  readonly path: string;
  readonly what: Exclude<FileState, "whole">;
}

/** Of which each side tells: the first by name. */
export function unsoundEvent(files: readonly Unsound[]): ClientEvent {
  const told = files.slice(0, UNSOUND_TOLD);
  return { event: "unsound", files: told, more: files.length - told.length };
}
