import type { Code, FaultCode, StartWhen } from "../../protocol/mod.ts";

import type { Again } from "../system/state.ts";

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
  /** A host whose relay is to be found first; its address takes the place of `relay`. */
  readonly relayHost?: string | undefined;
  /** Certificates in PEM that its own has to lead to; undefined: those that this machine trusts. */
  readonly ca?: string | undefined;
  /** For a relay that wants one. It is kept nowhere and printed nowhere. */
  readonly token?: string | undefined;
  readonly code: Code;
  /** The master key that scrypt made of the code, in hex; undefined: the thread makes it, which is slow. */
  readonly master?: string | undefined;
  readonly what: SendWhat;
  /** Receivers that must have the file before the command ends by itself. */
  readonly receivers: number;
  readonly stay: boolean;
  /** How long the relay may be unreachable at first; undefined: for ever. ms */
  readonly connectTimeoutMs: number | undefined;
  /** The time for all of it; undefined: no limit. ms */
  readonly timeoutMs?: number | undefined;
  /** Hold the content back until then; undefined: it begins with the first who agrees. */
  readonly startWhen?: Omit<StartWhen, "headRecords"> | undefined;
  /** Serve nobody before `Client.admit` says so. */
  readonly ask?: boolean | undefined;
  /** Drop receivers that take nothing for so long while others advance; undefined: nobody. ms */
  readonly dropSlowMs?: number | undefined;
  /** bytes per second; undefined: no limit */
  readonly limit?: number | undefined;
  /** A file that changes while it is sent ends the share; undefined: all others go on. */
  readonly strict?: boolean | undefined;
  /** Keep what is needed to offer the same share again; undefined: nothing is kept. */
  readonly keep?: KeepSend | undefined;
}

/** How a send is kept, and which one from before it may go on with. */
export interface KeepSend {
  readonly again: Again;
  /** The beginning of its id in hex: go on with this one; undefined: with one of the same command. */
  readonly share?: string | undefined;
  /** Go on with none. */
  readonly anew: boolean;
  /** Go on only under the job's code; else that is for a new share alone. */
  readonly codeChosen: boolean;
}

export interface ReceiveJob {
  readonly kind: "receive";
  readonly relay: string;
  readonly relayHost?: string | undefined;
  readonly ca?: string | undefined;
  readonly token?: string | undefined;
  readonly code: Code;
  /** The master key that scrypt made of the code, in hex; undefined: the thread makes it, which is slow. */
  readonly master?: string | undefined;
  /** How the sender sees this receiver. */
  readonly name: string;
  /** Take file after file for ever. */
  readonly lobby: boolean;
  /** Folder to save in. */
  readonly out: string;
  /** Put before every name. */
  readonly prefix: string;
  /** Wait for an answer before anything is written. */
  readonly ask: boolean;
  /** Whether an offer tells all names; of very many a person sees the first and the flagged. */
  readonly allNames: boolean;
  /** Take hidden files, and those that systems act upon, without a question of their own. */
  readonly hidden: boolean;
  /** The same for files that run when they are opened; false unless given. */
  readonly executables?: boolean | undefined;
  /** In the lobby, take more than LOBBY_ENTRIES files and folders at once without a question. */
  readonly many?: boolean | undefined;
  /** The policy for taken names; undefined: as the answer says, else `number`. */
  readonly onExists: OnExists | undefined;
  /** Tell by their content which files are here already, and not by size and time. */
  readonly checksum: boolean;
  /** Take files with names that are not safe, under others, and not refuse the share. */
  readonly renameUnsafe?: boolean | undefined;
  /** Write the content to the standard output and save nothing. */
  readonly stdout: boolean;
  /** The command that goes on with it, to be remembered; undefined: not to be. */
  readonly again: Again | undefined;
  /** bytes per second */
  readonly limit: number | undefined;
  readonly connectTimeoutMs: number | undefined;
  /** The time for all of it; undefined: no limit. ms */
  readonly timeoutMs?: number | undefined;
}

export type Answer =
  | { readonly accept: true; readonly onExists?: OnExists }
  /** `why`: where it was no person that declined. */
  | { readonly accept: false; readonly why?: string };

/** How a job ended. */
export interface Outcome {
  readonly fault: FaultCode | undefined;
  readonly exitCode: number;
}

/** The content to send, in plain values. */
export type SendWhat =
  | {
      readonly from: "paths";
      readonly paths: readonly string[];
      /** The name that receivers see, where it is one file or folder. */
      readonly name?: string | undefined;
      /** Patterns as in a .gitignore at the top of each folder. */
      readonly exclude?: readonly string[];
      /** Leave out what git leaves out. */
      readonly gitignore?: boolean;
      /** Follow links that lead to somewhere in their own folder. */
      readonly follow?: boolean;
      /** Leave out what has a name that receivers would refuse. */
      readonly skipUnsafe?: boolean;
      /** Offer such names as they are; receivers refuse them, or give them others. */
      readonly offerUnsafe?: boolean;
    }
  | { readonly from: "text"; readonly text: string; readonly name?: string | undefined }
  | { readonly from: "stdin"; readonly name?: string | undefined };

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
