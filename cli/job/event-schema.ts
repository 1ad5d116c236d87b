/**
 * The lines of `--json` of a send or a receive as schemas, one object a line; `command-events.ts` has those of other
 * commands. The types of the events come from them, `docs/reference/events.md` prints them, and a test holds real
 * runs against them. Fields may be added; what one means never changes.
 *
 * Names in events come from peers and are not escaped; who shows them to a person must.
 */
import * as v from "valibot";

import type { FileState } from "../../protocol/content/file-marks.ts";

import {
  change,
  event,
  fate,
  faultCode,
  field,
  fileAt,
  flagged,
  hex,
  names,
  seconds,
  sizes,
  state,
  stored,
  text,
  unsound,
  untold,
  WENT_WRONG,
  whole,
  wrong,
  yes,
} from "./event-fields.ts";
import { ROUTES } from "./routes.ts";

export const clientEvent = v.variant("event", [
  event(
    "code",
    "The code of a sender, or of a receiver that carries the relay. It is the first event.",
    {
      code: field(text, "the code that receivers need"),
      channel: field(hex, "id of the channel, which the relay sees"),
      share: field(v.optional(hex), "id of the share"),
      path: field(v.optional(text), "path of the share's ciphertext at the relay, for `curl`"),
      kept: field(v.optional(yes), "whether `resume` can offer the same share again later"),
    },
  ),
  event("carrying", "This command carries the relay: it runs inside the command's own process.", {
    port: field(whole, "port at which it listens, on all interfaces"),
    addresses: field(
      v.pipe(v.array(v.strictObject({ relay: text, interface: text })), v.readonly()),
      "addresses of the relay for other machines; that of the default route comes first",
    ),
    wanted: field(v.optional(whole), "port that was wanted first, if another program has it"),
    note: field(
      v.optional(text),
      "the event comes again with news of the relay: a network without multicast, another address",
    ),
  }),
  event(
    "checking",
    "Times of files changed since the earlier run. The sender first compares the parts that it sent.",
    {
      files: field(whole, "number of files"),
    },
  ),
  event(
    "changed",
    "Files changed since an earlier run. The sender offers a new share under the same code.",
    {
      share: field(hex, "id of the earlier share"),
      changes: field(
        v.pipe(v.array(change), v.readonly()),
        "`path` and `what` of the first of them",
      ),
      more: field(whole, "number of changes that are not listed"),
    },
  ),
  event(
    "edition",
    "Files changed. The sender offers the share anew under the same code; receivers get new ids.",
    {
      share: field(v.optional(hex), "sender: id of the new share"),
      path: field(v.optional(text), "sender: path of its ciphertext at the relay, for `curl`"),
      kept: field(v.optional(yes), "sender: whether `resume` can offer the same share again later"),
    },
  ),
  event("unkept", "The state for `resume` cannot be written. `resume` will not find this share.", {
    share: field(hex, "id of the share"),
  }),
  event("source", "The content that a sender is about to send.", {
    name: field(text, "name of the file or folder, or of the first of several"),
    more: field(whole, "number of further paths"),
    files: field(whole, "number of files, empty folders included"),
    bytes: field(whole, "size of the content; 0 if it is unknown"),
    records: field(whole, "number of records of the share, or the most that there can be"),
    kind: field(v.picklist(["files", "text"]), "`text`: receivers show it and save nothing"),
    open: field(yes, "a stream of unknown size, which ends when standard input ends"),
  }),
  event("omitted", "An entry of a folder that the sender leaves out.", {
    path: field(text, "path of the entry"),
    why: field(
      v.picklist(["link", "outside", "broken", "special", "unsafe", "unreadable", "endless"]),
      "`link`: a link; `outside`: a link out of the folder; `broken`: a link to nothing or in a circle; `special`: a pipe or device; `unsafe`: a name that receivers refuse; `unreadable`; `endless`: a file without an end",
    ),
    reason: field(v.optional(text), "why the entry could not be read"),
    more: field(v.optional(whole), "number of further entries after this one"),
  }),
  event("relay", "The connection to the relay opened, or broke and is retried.", {
    url: field(text, "address of the relay"),
    online: field(yes, "whether the connection is open"),
    route: field(
      v.optional(v.picklist(ROUTES)),
      "how the client came to this relay; [cli.md](cli.md#the-relay-of-a-transfer) has the order",
    ),
    proxy: field(v.optional(text), "address of the proxy, without user name and password"),
    link: field(
      v.optional(text),
      "sender: the address that opens the share in a browser, if the relay has a page; it holds the code",
    ),
    code: field(v.optional(faultCode), "why the connection is not open"),
    detail: field(v.optional(text), "the relay's detail, such as a limit and a time"),
    message: field(v.optional(text), "the same for people"),
    untold,
  }),
  event(
    "search",
    "A receiver without a configured relay looks for one that has the share; at most one per second.",
    {
      looking: field(yes, "false: a relay offers something under the code, and is taken"),
      found: field(whole, "number of addresses that relays in the network announce for this code"),
      note: field(
        v.optional(text),
        "for people: why a network cannot be searched, or why the relay of this machine refuses",
      ),
    },
  ),
  event(
    "gate",
    "The number of receivers that have agreed, while the content waits for enough of them.",
    {
      agreed: field(whole, "number of connected receivers that agreed"),
      wanted: field(whole, "number of receivers that the start waits for"),
      open: field(yes, "the content starts now"),
      untold,
    },
  ),
  event("receiver", "The state of a receiver at the sender, at each change.", {
    id: field(hex, "stays the same when it resumes"),
    name: field(text, "the receiver's own name, untrusted; empty if unknown"),
    state: field(state, "`live` and `behind` receive; `lost` may come back, `left` will not"),
    records: field(whole, "number of records on the receiver's disk"),
    done: field(
      yes,
      "the receiver has everything: its receipt verified, unless `confirmed` is false",
    ),
    confirmed: field(
      v.optional(yes),
      "false: it was sent everything and cannot confirm that it saved it, such as curl",
    ),
    untold,
  }),
  event("alone", "The other side is missing for some time; once for each reason.", {
    why: field(
      v.picklist(["no-relay", "no-receiver", "no-offer"]),
      "`no-relay`: no connection to the relay; `no-receiver`: no receiver came; `no-offer`: no share under this code",
    ),
    seconds: field(seconds, "duration of the wait so far"),
    relay: field(text, "address of the relay"),
  }),
  event(
    "summary",
    "The receivers of a stopped send and their progress. It comes before the error.",
    {
      complete: field(whole, "number of receivers with everything"),
      partial: field(whole, "number of receivers with a part"),
      nothing: field(whole, "number of receivers with nothing yet"),
      receivers: field(
        v.pipe(v.array(fate), v.readonly()),
        "the receivers; incomplete ones come first",
      ),
      more: field(whole, "number of receivers that are not listed"),
      wanted: field(
        v.optional(whole),
        "number of receivers that the sender waited for; absent with `--stay`",
      ),
    },
  ),
  event(
    "awaits",
    "The receivers that the sender waits for, once it is online and at each change.",
    {
      wanted: field(
        v.optional(whole),
        "number of receivers that ends the send; absent with `--stay`",
      ),
      complete: field(whole, "number of receivers with everything"),
      receiving: field(whole, "number of receivers that receive now"),
      unanswered: field(whole, "number of connected receivers that have not agreed yet"),
      lost: field(whole, "number of receivers whose connection broke and that may return"),
      missing: field(whole, "number of wanted receivers that have not come"),
    },
  ),
  event(
    "asks",
    "A receiver asks to receive a share of `--ask`. It gets nothing before the sender admits it.",
    {
      id: field(hex, "id of the receiver; an answer refers to it"),
      name: field(text, "the receiver's own name, untrusted"),
      untold,
    },
  ),
  event("dismissed", "The sender excluded a receiver from this share.", {
    id: field(hex, "id of the receiver"),
    name: field(text, "the receiver's own name, untrusted"),
    reason: field(v.picklist(["not-admitted", "too-slow"]), "why"),
    untold,
  }),
  event("unadmitted", "The receiver waits until the sender admits it.", { untold }),
  event("waiting", "The receiver is in the channel, and there is no offer.", { untold }),
  event(
    "unreadable",
    "A share of the channel does not open with this code. The receiver waits for others.",
    {
      code: field(faultCode, "`corrupt-record`: the share was made without the code, or damaged"),
      message: field(text, "the same for people"),
      count: field(whole, "number so far; the 1st, 2nd, 4th, 8th and so on cause an event"),
    },
  ),
  event("offer", "The offer of a sender to this receiver.", {
    share: field(hex, "id of the share; an answer refers to it"),
    files: field(whole, "number of files"),
    bytes: field(whole, "total size"),
    names: field(names, "names of the files, untrusted"),
    exists: field(yes, "the folder has a different entry of one of these names"),
    question: field(yes, "the receiver waits for an answer"),
    folders: field(v.optional(whole), "number of empty folders; their names end with a slash"),
    kind: field(v.optional(v.picklist(["files", "text"])), "`text`: it is shown and not saved"),
    open: field(v.optional(yes), "a stream of unknown size"),
    sizes: field(v.optional(sizes), "sizes of the files, in the order of `names`"),
    flagged: field(v.optional(flagged), "names of dangerous files, with the reasons"),
    same: field(v.optional(whole), "number of files that are already here and equal"),
    made: field(v.optional(whole), "number of folders to make, empty or not"),
    disk: field(v.optional(whole), "bytes of disk space that the share takes, folders included"),
    stored: field(
      v.optional(stored),
      "the share is stored at the relay: `until` (ISO 8601), and `downloads` left",
    ),
  }),
  event(
    "renamed",
    "A file or folder is saved under another name, because its own is impossible here.",
    {
      from: field(text, "path in the share, untrusted"),
      to: field(text, "path here, without `--prefix`"),
      more: field(v.optional(whole), "number of further entries after this one"),
    },
  ),
  event(
    "skipped",
    "Files that the receiver does not fetch: they are equal here, or `--skip` keeps them.",
    {
      files: field(whole, "number of files"),
      bytes: field(whole, "their size"),
    },
  ),
  event("text", "A text arrived. The receiver saves nothing.", {
    text: field(text, "the text, untrusted"),
  }),
  event("resumed", "The share continues where an earlier run stopped.", {
    bytes: field(whole, "bytes on disk; sender: bytes sent at least once"),
    size: field(whole, "total size"),
  }),
  event("sender", "The sender of the current share left or returned.", {
    here: field(yes, "whether the sender is connected"),
    untold,
  }),
  event("progress", "The position of the transfer; at most 10 per second.", {
    bytes: field(whole, "sender: bytes uploaded at least once; receiver: bytes on disk"),
    size: field(whole, "total size; 0 if it is unknown"),
    file: field(
      v.optional(fileAt),
      "the current one of several files: `number` of `of`, and its progress",
    ),
  }),
  event(
    "saved",
    "A top-level file or folder is complete and in place. Very many come as one event.",
    {
      path: field(text, "path; of very many, the folder that contains them"),
      bytes: field(whole, "received"),
      files: field(v.optional(whole), "received"),
    },
  ),
  event(
    "hashing",
    "With `--checksum-file`: the receiver reads files for their checksums, because it did not write all of them in this run.",
    { files: field(whole, "number of files") },
  ),
  event(
    "checksums",
    "With `--checksum-file`: the list of checksums is complete. It comes after the receipt, so also after `done`.",
    {
      path: field(v.optional(text), "path of the list; absent if it got no file of this share"),
      files: field(whole, "number of files of this share in the list"),
      unlisted: field(whole, "number of files that are not whole, are gone or cannot be read"),
    },
  ),
  event("kept", "The received part of an unfinished share is kept for a later run.", {
    path: field(text, "path"),
    bytes: field(whole, "bytes received"),
    size: field(whole, "total size"),
    untold,
  }),
  event(
    "unsound",
    "Files changed while they were sent. The event comes at the end and lists them.",
    {
      files: field(
        v.pipe(v.array(unsound), v.readonly()),
        "`path` and `what` of the first of them; a file that has `grown` is saved up to its offered size",
      ),
      more: field(whole, "number of files that are not listed"),
    },
  ),
  event(
    "storing",
    "With `--store`: the relay has this much of the share for good; at most one per second.",
    {
      bytes: field(whole, "bytes that are durable at the relay"),
      size: field(whole, "total size; 0 if it is unknown"),
    },
  ),
  event(
    "stored",
    "With `--store`: the relay has all of the share, which needs its sender no more.",
    {
      until: field(text, "end of the share, ISO 8601"),
      downloads: field(
        v.optional(whole),
        "number of receivers that may still have it; absent for any",
      ),
      again: field(v.optional(yes), "an earlier run had stored it"),
      lifeMost: field(
        v.optional(seconds),
        "the relay allows no longer life, and the sender asked for one; seconds",
      ),
    },
  ),
  event("done", "The transfer ended. A sender also prints it when some receivers failed.", {
    bytes: field(whole, "size of the share"),
    seconds: field(seconds, "seconds since the start"),
    active: field(
      v.optional(seconds),
      "seconds since the first agreed content; sender: until the last receiver had everything",
    ),
    receivers: field(
      v.optional(whole),
      "sender: number of receivers that have everything or were sent everything",
    ),
    unconfirmed: field(
      v.optional(whole),
      "sender: number of those that cannot confirm that they saved it",
    ),
  }),
  event("error", WENT_WRONG, { ...wrong, untold }),
]);

/** The events of a send or a receive. */
export type ClientEvent = Readonly<v.InferOutput<typeof clientEvent>>;

/** A file that did not stay what it was. */
export interface Unsound {
  /** As receivers see it. */
  readonly path: string;
  readonly what: Exclude<FileState, "whole">;
}
