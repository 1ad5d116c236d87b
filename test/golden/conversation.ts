/** Recorded conversations: what passed between clients and a relay, byte by byte. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import {
  decodeControl,
  decodeFrame,
  fromHex,
  isFrame,
  toHex,
  type StoreWish,
} from "../../protocol/mod.ts";

/** A file of a share; byte `i` of file `n` is (31 * n + i) mod 251. */
export interface GoldenFile {
  readonly path: string;
  readonly type?: "folder";
  readonly size: number;
  readonly mode?: number;
}

export interface SenderPart {
  readonly role: "sender";
  /** In hex. */
  readonly proof: string;
  readonly recordSize: number;
  readonly files: readonly GoldenFile[];
  readonly kind?: "text";
  /** Of an open share: bytes of each record after the first. Byte `i` of all is i mod 251. */
  readonly pieces?: readonly number[];
  /** Receivers that must have all. */
  readonly receivers: number;
  /** Names of those that it admits; undefined: it does not ask. */
  readonly admits?: readonly string[];
  readonly dropSlowMs?: number;
  /** The relay shall keep the share without it. */
  readonly store?: StoreWish;
}

export interface ReceiverPart {
  readonly role: "receiver";
  readonly name: string;
  /** In hex. */
  readonly id: string;
  readonly declines?: true;
}

/** Its messages were made by hand. */
export interface RawPart {
  readonly role: "raw";
}

export type Part = SenderPart | ReceiverPart | RawPart;

/** An event on the line of a client; steps are in the order of all lines. */
export type Step = { readonly at: number; readonly client: string } & Happening;

export type Happening =
  /** An input to its session from people, disks and clocks; see `clients.ts`. */
  | { readonly is: "does"; readonly what: string }
  | { readonly is: "opened" }
  /** The client to the relay. */
  | { readonly is: "says"; readonly what: string; readonly hex: string }
  /** The relay to the client. */
  | { readonly is: "hears"; readonly what: string; readonly hex: string }
  | { readonly is: "closed"; readonly by: "client" | "network" }
  | { readonly is: "closed"; readonly by: "relay"; readonly code: number };

export interface Conversation {
  readonly about: string;
  readonly version: number;
  readonly code: string;
  readonly parts: Readonly<Record<string, Part>>;
  readonly steps: readonly Step[];
}

const folder = join(import.meta.dir, "files/conversations");

/** All that were recorded, by their names. */
export function conversations(): [name: string, Conversation][] {
  return readdirSync(folder)
    .toSorted()
    .map((file) => {
      const lines = readFileSync(join(folder, file), "utf8").trimEnd().split("\n");
      const [head, ...steps] = lines.map((line) => JSON.parse(line) as unknown);
      const conversation = { ...(head as Omit<Conversation, "steps">), steps: steps as Step[] };
      return [file.replace(/\.jsonl$/, ""), conversation];
    });
}

/** One line for the head of a conversation, then one for each step. */
export function textOf({ steps, ...head }: Conversation): string {
  return [head, ...steps].map((line) => `${JSON.stringify(line)}\n`).join("");
}

/** For who reads the files. */
export function named(bytes: Uint8Array): string {
  if (isFrame(bytes)) return `frame ${decodeFrame(bytes).index}`;
  try {
    return decodeControl(bytes, "anyone").t;
  } catch {
    return "another";
  }
}

export function bytesOf({ hex }: { readonly hex: string }): Uint8Array {
  const bytes = fromHex(hex);
  if (bytes === undefined) throw new Error(`no hex: ${hex}`);
  return bytes;
}

export function hexOf(bytes: Uint8Array): string {
  return toHex(bytes);
}

/** Every message of every conversation, once. */
export function allMessages(): { from: "client" | "relay"; bytes: Uint8Array }[] {
  const seen = new Map<string, "client" | "relay">();
  for (const [, { steps }] of conversations()) {
    for (const step of steps) {
      if (step.is === "says") seen.set(step.hex, "client");
      else if (step.is === "hears" && !seen.has(step.hex)) seen.set(step.hex, "relay");
    }
  }
  return [...seen].map(([hex, from]) => ({ from, bytes: bytesOf({ hex }) }));
}
