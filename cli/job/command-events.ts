/**
 * The lines of `--json` of commands that transfer nothing. `event-schema.ts` has those of a send or a receive, and says
 * what holds for all of them.
 */
import * as v from "valibot";

import { error, event, faultCode, field, hex, seconds, text, whole, yes } from "./event-fields.ts";

/** The lines of `fileshare relay --json`. */
export const relayEvent = v.variant("event", [
  event("listening", "The relay accepts clients.", {
    url: field(text, "address for clients"),
    port: field(whole, "port of the listener"),
    workers: field(whole, "streaming threads"),
    httpPort: v.optional(field(whole, "plain port that redirects to TLS")),
  }),
  event("token", "One token of `fileshare relay token list --json`.", {
    id: field(text, "id of the token"),
    name: field(v.optional(text), "owner of the token"),
    roles: field(
      v.array(v.picklist(["send", "receive", "store", "admin"])),
      "uses that the token allows",
    ),
    created: field(v.optional(text), "time of creation, ISO 8601"),
    expires: field(v.optional(text), "end of the token, ISO 8601; absent for never"),
  }),
  event("draining", "The relay shuts down gracefully. Transfers run on.", {
    seconds: field(seconds, "longest time that transfers may run on"),
  }),
  error,
]);

/** The lines of `fileshare doctor --json`. */
export const doctorEvent = v.variant("event", [
  event("check", "The result of one check.", {
    name: field(text, "name of the check"),
    verdict: field(v.picklist(["fine", "warning", "failed"]), "`failed` leads to exit code 1"),
    message: field(text, "result, for people"),
    advice: field(text, "next step, or empty"),
  }),
  error,
]);

/** The lines of `fileshare list --json`: one for each send or receive that is not through. */
export const listEvent = v.variant("event", [
  event("unfinished", "An unfinished send or receive.", {
    number: field(whole, "number in the list, for `resume` and `forget`"),
    kind: field(v.picklist(["send", "receive"]), "direction"),
    share: field(hex, "id of the share"),
    code: field(text, "code of the share"),
    relay: field(text, "address of the relay"),
    name: field(text, "name of the content; untrusted in a receive"),
    bytes: field(whole, "total size"),
    since: field(text, "time of the start, ISO 8601"),
    records: field(v.optional(whole), "send: number of records of the share"),
    sent: field(v.optional(whole), "send: number of records sent at least once"),
    running: field(v.optional(yes), "send: a running process has it"),
    out: field(v.optional(text), "receive: destination folder"),
  }),
]);

/** The lines of `fileshare stored --json` and of `fileshare revoke --json`. */
export const storeEvent = v.variant("event", [
  event(
    "stored-share",
    "A share that this machine stored; the relay says all but the first keys.",
    {
      share: field(hex, "id of the share"),
      code: field(text, "code of the share"),
      relay: field(text, "address of the relay"),
      name: field(text, "name of the content"),
      bytes: field(whole, "total size"),
      state: field(
        v.picklist([
          "stored",
          "unfinished",
          "stored-expired",
          "exhausted",
          "revoked",
          "unknown",
          "away",
        ]),
        "`unknown`: the relay has it no more; `away`: the relay gives no answer; `stored-expired`, `exhausted`, `revoked`: over",
      ),
      until: field(text, "end of the share, ISO 8601"),
      downloads: field(whole, "number of receivers that have everything, as the relay counts"),
      most: field(v.optional(whole), "number of receivers that may; absent for any"),
      receivers: field(whole, "of the latest 100 receipts: those that verify"),
      unconfirmed: field(
        whole,
        "of them: downloads of clients such as curl, which cannot confirm anything",
      ),
      doubtful: field(whole, "of them: those that do not verify"),
      fault: field(v.optional(faultCode), "why the relay gives no answer"),
      message: field(v.optional(text), "the same for people"),
    },
  ),
  event("revoked", "A stored share is deleted.", {
    share: field(hex, "id of the share"),
    name: field(text, "name of the content"),
    relay: field(text, "address of the relay"),
    known: field(yes, "false: the relay had it no more"),
  }),
  error,
]);

export type StoreEvent = Readonly<v.InferOutput<typeof storeEvent>>;
export type StoredShare = Extract<StoreEvent, { event: "stored-share" }>;
export type RevokedShare = Extract<StoreEvent, { event: "revoked" }>;
