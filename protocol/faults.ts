/**
 * The one table of what can go wrong: the sentence people read, what they can do about it,
 * whether trying again can help, the WebSocket close code and the exit code of the CLI.
 */

export const EXIT = {
  done: 0,
  failed: 1,
  usage: 2,
  someFailed: 3,
  relayFailed: 4,
  versionMismatch: 5,
  interrupted: 130,
} as const;

export interface Fault {
  /** What happened, as one sentence without the final stop. */
  readonly sentence: string;
  /** What the person can do. */
  readonly advice: string;
  /** Whether a client may try again by itself. */
  readonly retry: boolean;
  /** WebSocket close code with which the relay ends the socket; 0 where it stays open or none exists. */
  readonly closeCode: number;
  readonly exitCode: number;
}

const failed = (sentence: string, advice: string, closeCode = 0, retry = false): Fault => ({
  sentence,
  advice,
  retry,
  closeCode,
  exitCode: EXIT.failed,
});

const wrongUse = (sentence: string, advice: string): Fault => ({
  sentence,
  advice,
  retry: false,
  closeCode: 0,
  exitCode: EXIT.usage,
});

export const FAULTS = {
  // Made by people
  usage: wrongUse(
    "That command line is not understood",
    "Run it with --help to see what it takes.",
  ),
  "bad-code": wrongUse(
    "That is not a code",
    "A code is six words such as amused-oyster-velvet-crisp-lunar-solid; each may be cut to its first four letters.",
  ),
  "weak-code": wrongUse(
    "That code is too easy to guess",
    "Leave out --code and FILESHARE_CODE for six random words, or add random letters and digits.",
  ),
  "bad-relay-address": wrongUse(
    "That is not the address of a relay",
    "Give it as ws://host:port or wss://host:port (http and https work too).",
  ),
  "bad-config": wrongUse(
    "The configuration file is not understood",
    "Correct it (fileshare config --edit), or pass over it with FILESHARE_CONFIG= before the command.",
  ),
  "bad-proxy": wrongUse(
    "A proxy in the environment is no http:// or https:// address",
    "Correct HTTPS_PROXY, HTTP_PROXY or ALL_PROXY, or name the relay's host in NO_PROXY.",
  ),
  "bad-ca": wrongUse(
    "That file holds no certificates to trust",
    "Give the certificates of authorities in PEM with --ca.",
  ),
  "port-in-use": failed(
    "The relay cannot listen there, the port is in use",
    "Stop what uses it, or give another with --port (0 takes a free one).",
  ),
  "cannot-listen": failed(
    "The relay cannot listen at that address",
    "Give an address of this machine with --host.",
  ),
  "no-relay-here": failed(
    "No relay answers there that can be asked",
    "Start one as the same user, or give the admin listener of another with --admin and a token.",
  ),
  "refused-action": failed("The relay does not do that", "See fileshare relay status."),
  "bad-ban": failed(
    "That address cannot be banned",
    "Give an address or a range of others than this machine and its proxies.",
  ),
  "bad-ban-file": failed(
    "The file of bans cannot be used",
    "Correct it, or give another with --ban-file.",
  ),
  "bad-log-folder": failed(
    "The relay cannot keep its log there",
    "Give a folder that it may write to with --log-dir.",
  ),
  "bad-certificate": failed(
    "The relay cannot speak TLS with that certificate",
    "Give the certificate, with the chain to its authority, and its key in PEM with --tls-cert and --tls-key.",
  ),
  "bad-tokens": wrongUse(
    "The relay's tokens are not as they must be",
    "Correct the file, or make one with fileshare relay token add.",
  ),
  "relay-failed": {
    sentence: "The relay could not go on",
    advice: "Start it again, as a service manager does; if it stays, report the lines above.",
    retry: false,
    closeCode: 0,
    exitCode: EXIT.relayFailed,
  },
  "no-such-file": wrongUse("There is no such file", "Check the path."),
  "not-a-file": wrongUse("That is not a regular file", "Only regular files can be sent."),
  "unsendable-name": wrongUse(
    "That name cannot be sent",
    "Rename it, leave it out with --exclude, or give another with --name.",
  ),
  "unreadable-file": wrongUse("That file cannot be read", "Check its permissions."),
  "share-too-big": wrongUse(
    "That is more than one share can hold",
    "Send it in several parts, or pack many small files into one first.",
  ),
  interrupted: {
    sentence: "Interrupted",
    advice: "Run the same command again to go on.",
    retry: false,
    closeCode: 0,
    exitCode: EXIT.interrupted,
  },

  // The way to the relay
  "relay-unreachable": failed(
    "The relay cannot be reached",
    "Check the address and that the relay runs (bun run relay), or give another with --relay.",
    0,
    true,
  ),
  "not-a-relay": failed(
    "What answers at that address is not a fileshare relay",
    "Check the address and port given with --relay or FILESHARE_RELAY.",
  ),
  "wants-tls": failed(
    "The relay wants a line that is encrypted by TLS",
    "Give its address as wss:// (or https://), with the port at which it speaks TLS.",
  ),
  "no-tls": failed(
    "What answers at that address does not speak TLS",
    "Give the relay's address as ws:// (or http://), or the port at which it speaks TLS.",
  ),
  "untrusted-certificate": failed(
    "The relay's certificate comes from nobody whom this machine trusts",
    "Check the address; if the relay's operator has an authority of their own, give its certificate with --ca.",
  ),
  "expired-certificate": failed(
    "The relay's certificate has expired, or is not valid yet",
    "Check this machine's clock; else whoever runs the relay has to renew the certificate.",
  ),
  "wrong-certificate": failed(
    "The relay's certificate is for another name",
    "Give the address with a name that the certificate is for; if you did, somebody else answers there.",
  ),
  "proxy-refused": failed(
    "The proxy does not let fileshare through",
    "Check HTTPS_PROXY or HTTP_PROXY, name and password too, or name the relay's host in NO_PROXY.",
  ),
  "connection-lost": failed("The line to the relay broke", "It is tried again.", 0, true),
  "version-mismatch": {
    sentence: "The relay and this program speak different versions of the protocol",
    advice: "Update the older of the two.",
    retry: false,
    closeCode: 4001,
    exitCode: EXIT.versionMismatch,
  },

  // What a peer sent
  "bad-message": failed(
    "A message that breaks the protocol was received",
    "Update fileshare on both sides; if it stays, report it.",
    4002,
  ),
  "wrong-role": failed(
    "That message is not for this side to send",
    "Update fileshare on both sides; if it stays, report it.",
    4003,
  ),
  "hello-timeout": failed("No hello came in time", "Try again.", 4004, true),
  "not-your-share": failed(
    "That share belongs to another sender",
    "Send the file again; it gets a new share.",
    4005,
  ),
  "too-many": failed("The relay is full", "Try again later, or use another relay.", 4006, true),
  "log-full": failed(
    "The relay has no room on its disk for what you send",
    "It is tried again; whoever runs the relay can give it room with --log-dir.",
    4008,
    true,
  ),
  "too-fast": failed(
    "You ask more of the relay than it allows",
    "It is tried again later.",
    4020,
    true,
  ),
  "timed-out": failed("The relay waited too long for you", "It is tried again.", 4021, true),
  "too-large": failed(
    "The relay takes no share of that size",
    "Send less at once, or use a relay that allows more.",
    4022,
  ),
  expired: failed(
    "The relay ended the share, which has been there too long",
    "Send it again; whoever runs the relay can allow more time.",
    4023,
  ),
  "not-allowed": failed(
    "The relay does not allow that",
    "Ask who runs it for a token, and give it as FILESHARE_TOKEN.",
    4010,
  ),
  "not-proved": failed(
    "What should prove the code to the relay does not",
    "Update fileshare on both sides; if it stays, report it.",
    4011,
  ),
  "wrong-relay": failed(
    "What answers at that address is another relay",
    "Give the relay's address with the name that it has; if you did, somebody else answers there.",
  ),
  removed: failed(
    "Whoever runs the relay ended that share",
    "Ask them why, or use another relay.",
    4030,
  ),
  banned: failed(
    "Whoever runs the relay does not let you use it",
    "Ask them why, or use another relay.",
    4031,
  ),
  "no-such-share": failed("That share is not here any more", "Ask the sender to send it again."),
  replaced: failed(
    "The same sender or receiver connected again elsewhere",
    "Nothing to do if that was you.",
    4007,
  ),
  "going-away": failed("The relay is shutting down", "It is tried again.", 1001, true),
  "relay-error": failed(
    "The relay had an internal error",
    "It is tried again; if it stays, report it.",
    1011,
    true,
  ),

  // The share
  "sender-stopped": failed(
    "The sender stopped before everything was sent",
    "What arrived is kept; ask the sender to send again with the same code.",
  ),
  "sender-gone": failed(
    "The sender has been away for too long",
    "What arrived is kept; run the same command again when the sender is back.",
  ),
  "source-changed": failed(
    "The file changed while it was being sent",
    "Wait until it is complete, then send it again.",
  ),
  "source-unreadable": failed(
    "The file could not be read to its end",
    "Check the disk, then send it again.",
  ),
  "too-late": failed(
    "What you lack of this share is gone, and the sender cannot read it again",
    "Ask the sender to send it again, and be there when it begins.",
  ),
  stalled: failed(
    "You took nothing for so long that the others could not go on",
    "It is tried again, and goes on where it was if the records are still there.",
    4009,
    true,
  ),
  "not-admitted": failed(
    "The sender did not let you receive it",
    "Ask the sender to run its command again, if that was a mistake.",
  ),
  "too-slow": failed(
    "You took nothing for longer than the sender waits",
    "What arrived is kept; ask the sender to send it again.",
  ),
  "unsafe-name": failed(
    "The sender offers a file name that is not safe to write",
    "Nothing was written. Ask the sender to rename the file.",
  ),
  "bad-manifest": failed(
    "The description of the share is not valid",
    "Nothing was written. Ask the sender to update fileshare and send again.",
  ),
  "corrupt-record": failed(
    "What arrived could not be decrypted",
    "The data was damaged or forged on the way; run the same command again.",
  ),
  "receipt-refused": failed(
    "A receipt that does not verify was received",
    "The receiver does not count as done.",
  ),

  // The receiver's disk
  declined: failed("You declined the file", "Nothing was written."),
  "disk-full": failed(
    "There is not enough free space",
    "What arrived is kept; free some space and run the same command again to go on.",
  ),
  "write-failed": failed(
    "The file could not be written",
    "What arrived is kept; check the folder and run the same command again to go on.",
  ),
  "bad-destination": wrongUse("That folder cannot be written to", "Give another with --out."),
  "file-exists": failed(
    "A file of that name is already there",
    "Give --overwrite to replace it, or another folder with --out.",
  ),
  "in-the-way": failed(
    "A link or a file is where a folder has to be",
    "Remove it, give another folder with --out, or keep both with --rename.",
  ),
  "several-files": wrongUse(
    "Only one file or text can go to the standard output, and this is more",
    "Receive it without --stdout.",
  ),
  "output-closed": failed(
    "Who read the output has stopped reading",
    "What came so far was written.",
  ),
  "name-exhausted": failed(
    "Too many files of that name are there already",
    "Remove some, or give another folder with --out.",
  ),

  // The outcome
  "some-failed": {
    sentence: "Some receivers did not get the whole file",
    advice: "Send it again for them, or use --stay to wait for them.",
    retry: false,
    closeCode: 0,
    exitCode: EXIT.someFailed,
  },
  internal: failed("fileshare made a mistake", "Please report it with the line above."),
} as const satisfies Record<string, Fault>;

export type FaultCode = keyof typeof FAULTS;

/** Narrows a string from the wire to a code of the table. */
export function isFaultCode(value: string): value is FaultCode {
  return Object.hasOwn(FAULTS, value);
}

/** An error that people may see: a code of the table and, where it helps, the thing it is about. */
export class FaultError extends Error {
  override readonly name = "FaultError";
  readonly code: FaultCode;
  /** What it is about, for example a path; peer-supplied text must be escaped by who prints it. */
  readonly detail: string | undefined;
  /** Seconds, before which trying again is of no use. */
  readonly after: number | undefined;

  constructor(code: FaultCode, detail?: string, options?: ErrorOptions & { after?: number }) {
    super(faultMessage(code, detail), options);
    this.code = code;
    this.detail = detail;
    this.after = options?.after;
  }

  get fault(): Fault {
    return FAULTS[this.code];
  }
}

/** `sentence: detail. advice`, or `sentence. advice` without detail. */
export function faultMessage(code: FaultCode, detail?: string): string {
  const { sentence, advice } = FAULTS[code];
  const about = detail === undefined || detail === "" ? "" : `: ${detail.replace(/\.$/, "")}`;
  return `${sentence}${about}. ${advice}`;
}

/** What the text of a relay's fault says beyond the table. */
export function detailIn({
  code,
  message,
}: {
  code: FaultCode;
  message: string;
}): string | undefined {
  return message === "" || faultMessage(code).startsWith(message) ? undefined : message;
}

/** What a relay says of a fault that may pass, beyond its code. */
export interface Said {
  readonly detail?: string | undefined;
  /** Seconds, before which trying again is of no use. */
  readonly after?: number | undefined;
}

export function saidIn(fault: {
  code: FaultCode;
  message: string;
  after?: number | undefined;
}): Said {
  return { detail: detailIn(fault), after: fault.after };
}

/** The same for people; nothing where nothing was said. */
export function aboutOf({ detail, after }: Said): { readonly detail?: string } {
  const again = after === undefined || after === 0 ? undefined : `to be tried again in ${after} s`;
  const parts = [detail, again].filter((part) => part !== undefined);
  return parts.length === 0 ? {} : { detail: parts.join(", ") };
}
