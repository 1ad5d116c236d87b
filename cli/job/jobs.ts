import type { Code, FaultCode, StartWhen } from "../../protocol/mod.ts";

import type { Again } from "../system/state.ts";
import type { Route } from "./routes.ts";

/**
 * Files and folders of one share that a receiver in the lobby takes without a question: 4 MiB of
 * folders, removed in a second.
 */
export const LOBBY_ENTRIES = 1000;

/** The task of a streaming thread, in plain values. */
export type Job = SendJob | ReceiveJob;

export interface SendJob {
  readonly kind: "send";
  /** WebSocket address of the relay, path included. */
  readonly relay: string;
  /** WebSocket addresses of further relays, which are tried in turn when that one is gone. */
  readonly further?: readonly string[] | undefined;
  /** How the client came to that relay. */
  readonly route?: Route | undefined;
  /**
   * Hosts, by the address of a relay above that stands for each. The job finds the relay there first; the found address
   * replaces the other.
   */
  readonly relayHosts?: Readonly<Record<string, string>> | undefined;
  /** Authorities to trust, in PEM. Default: those of this machine. */
  readonly ca?: string | undefined;
  /** Token for a relay that asks for one. No state and no output contains it. */
  readonly token?: string | undefined;
  readonly code: Code;
  /** The master key of the code from scrypt, in hex. Default: computed while the thread starts. */
  readonly master?: string | undefined;
  readonly what: SendWhat;
  /** Number of receivers with everything that ends the send. */
  readonly receivers: number;
  /** Serve receivers until an interruption. */
  readonly stay: boolean;
  /** Longest time until the first connection, in ms. Default: no limit. */
  readonly connectTimeoutMs: number | undefined;
  /** Longest time of the whole job, in ms. Default: no limit. */
  readonly timeoutMs?: number | undefined;
  /** Store the share at the relay, and end when it is there. Default: the share is there as long as this sender. */
  readonly store?: StoreFor | undefined;
  /** Condition that releases the content. Default: the first receiver agreed. */
  readonly startWhen?: Omit<StartWhen, "headRecords"> | undefined;
  /** Serve a receiver only after `Client.admit` admitted it. */
  readonly ask?: boolean | undefined;
  /** Drop a receiver that takes no record for this time while another advances, in ms. Default: never. */
  readonly dropSlowMs?: number | undefined;
  /** Highest rate, in bytes per second. Default: no limit. */
  readonly limit?: number | undefined;
  /** Connections to the relay, 1 to 8. Default: 1, and more where the relay is far away. */
  readonly connections?: number | undefined;
  /** End the share when a file changes. Default: send all other files whole. */
  readonly strict?: boolean | undefined;
  /** Keep the state for a resume. Default: keep nothing. */
  readonly keep?: KeepSend | undefined;
}

/** A stored share: how long, and for how many receivers. */
export interface StoreFor {
  /** Seconds; a relay cuts what is longer than it allows. */
  readonly life: number;
  /** Receivers that may get everything. Default: any number. */
  readonly downloads?: number | undefined;
}

/** How a send keeps its state, and which earlier send it may resume. */
export interface KeepSend {
  readonly again: Again;
  /** Resume the share whose id starts so, in hex. Default: a share of the same command. */
  readonly share?: string | undefined;
  /** Resume no earlier share. */
  readonly anew: boolean;
  /** Resume only a share with the job's code. Otherwise that code is for a new share alone. */
  readonly codeChosen: boolean;
}

export interface ReceiveJob {
  readonly kind: "receive";
  readonly relay: string;
  /** Look for the relay in the networks too, beside `relay`. Default: only if no relay is named. */
  readonly search?: boolean | undefined;
  readonly further?: readonly string[] | undefined;
  readonly route?: Route | undefined;
  readonly relayHosts?: Readonly<Record<string, string>> | undefined;
  readonly ca?: string | undefined;
  readonly token?: string | undefined;
  readonly code: Code;
  /** The master key of the code from scrypt, in hex. Default: computed while the thread starts. */
  readonly master?: string | undefined;
  /** The name that the sender sees for this receiver. */
  readonly name: string;
  /** Take file after file until an interruption. */
  readonly lobby: boolean;
  /** Folder to save in. */
  readonly out: string;
  /** Text before every name. */
  readonly prefix: string;
  /** Wait for an answer before anything is written. */
  readonly ask: boolean;
  /** Whether an offer lists all names. A person sees only the first and the flagged of very many. */
  readonly allNames: boolean;
  /** Take hidden files, and files that systems act upon, without a question of their own. */
  readonly hidden: boolean;
  /** The same for executables. Default: false. */
  readonly executables?: boolean | undefined;
  /** In the lobby, take more than LOBBY_ENTRIES files and folders at once without a question. */
  readonly many?: boolean | undefined;
  /** The policy for existing names. Default: that of the answer, else `number`. */
  readonly onExists: OnExists | undefined;
  /** Compare existing files by content, and not by size and time. */
  readonly checksum: boolean;
  /** List the SHA-256 of all files in SHA256SUMS beside them. It makes no sense with `stdout`. */
  readonly checksumFile: boolean;
  /** Save files with unsafe names under other names. Default: refuse the share. */
  readonly renameUnsafe?: boolean | undefined;
  /** Write the content to the standard output and save nothing. */
  readonly stdout: boolean;
  /** The command to remember for a resume. Default: remember nothing. */
  readonly again: Again | undefined;
  /** bytes per second */
  readonly limit: number | undefined;
  /** Connections to the relay, 1 to 8. Default: 1, and more where the relay is far away. */
  readonly connections?: number | undefined;
  readonly connectTimeoutMs: number | undefined;
  /** Longest time of the whole job, in ms. Default: no limit. */
  readonly timeoutMs?: number | undefined;
}

export type Answer =
  | { readonly accept: true; readonly onExists?: OnExists }
  /** `why` has the reason if no person declined. */
  | { readonly accept: false; readonly why?: string };

/** How a job ended. */
export interface Outcome {
  /** The fault that ended it. Undefined: everything arrived. */
  readonly fault: FaultCode | undefined;
  /** The exit code of a command with this outcome. */
  readonly exitCode: number;
}

/** The content to send, in plain values. */
export type SendWhat =
  | {
      readonly from: "paths";
      /** Files and folders. */
      readonly paths: readonly string[];
      /** The name that receivers see for one file or folder. */
      readonly name?: string | undefined;
      /** Patterns as in a .gitignore at the top of each folder. */
      readonly exclude?: readonly string[];
      /** Leave out files that git ignores. */
      readonly gitignore?: boolean;
      /** Send the targets of links inside the sent folder. */
      readonly follow?: boolean;
      /** Leave out unreadable files, and names that receivers refuse. */
      readonly skipUnsafe?: boolean;
      /** Offer such names as they are; receivers refuse them, or give them others. */
      readonly offerUnsafe?: boolean;
    }
  | {
      readonly from: "text";
      /** Receivers show it, and save nothing. */
      readonly text: string;
      /** The name that receivers see. */
      readonly name?: string | undefined;
    }
  | {
      readonly from: "stdin";
      /** The name of the file that receivers save. */
      readonly name?: string | undefined;
    };

/** The policy for names that are taken where something is received. */

/**
 * `number`: take `name (1)` and so on, for a whole folder as for a file. `overwrite`: replace files,
 * also inside of folders that are there; nothing else is ever replaced. `skip`: leave what is there
 * and take what is missing. `fail`: take nothing.
 */
export const ON_EXISTS = ["number", "overwrite", "skip", "fail"] as const;
export type OnExists = (typeof ON_EXISTS)[number];

export interface Policy {
  readonly onExists: OnExists;
  /** Put before every outermost name, for example "rcv_". */
  readonly prefix: string;
  /** Whether a file counts as here already by its content, and not by its size and time. */
  readonly checksum: boolean;
}
