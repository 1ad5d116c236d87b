/**
 * Faults that a client finds out by itself: about its command line, its files and disk, its way to a
 * relay, its person's will. None of them is ever taken from the wire.
 */
import { EXIT, failed, inPart, wrongUse, type Fault } from "./fault.ts";

export const CLI_FAULTS = {
  usage: wrongUse(
    "That command line is not understood",
    "Run it with --help to see what it takes.",
  ),
  "bad-code": wrongUse(
    "That is not a code",
    "A code is seven words such as amused-oyster-velvet-crisp-lunar-solid-worry; each may be cut to its first four letters.",
  ),
  "weak-code": wrongUse(
    "That code is too easy to guess",
    "Leave out --code and FILESHARE_CODE for random words, or add random letters and digits.",
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
  "no-relay-here": failed(
    "No relay answers there that can be asked",
    "Start one as the same user, or give the admin listener of another with --admin and a token.",
  ),
  "refused-action": failed("The relay does not do that", "See fileshare relay status."),
  "no-such-file": wrongUse("There is no such file", "Check the path."),
  "not-a-file": wrongUse("That is not a regular file", "Only regular files can be sent."),
  "unsendable-name": wrongUse(
    "That name cannot be sent",
    "Rename it, leave it out (--exclude, --skip-unsafe), give --name for one path, or --offer-unsafe for receivers to rename it.",
  ),
  "unreadable-file": wrongUse(
    "That file cannot be read",
    "Mend the cause, or leave it out (--exclude, or --skip-unsafe for all such in folders).",
  ),
  "endless-file": wrongUse(
    "The size of that file is unknown, and no end of it was found",
    "Leave it out (--exclude, --skip-unsafe), or send as much of it as you want from a pipe (head -c 1M FILE | fileshare send -).",
  ),
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
  "deadline-over": {
    sentence: "The time given for all of it is over",
    advice: "Run the same command again to go on, with more time.",
    retry: false,
    closeCode: 0,
    exitCode: EXIT.timedOut,
  },
  "relay-unreachable": failed(
    "The relay cannot be reached",
    "Check the address and that the relay runs (bun run relay), or give another with --relay.",
    0,
    true,
  ),
  "not-a-relay": failed(
    "No fileshare relay answers at that address",
    "Check the address and port given with --relay or FILESHARE_RELAY.",
  ),
  "wants-tls": failed(
    "The relay wants a line that is encrypted by TLS",
    "Give its address as wss:// (or https://), with the port at which it speaks TLS.",
  ),
  "no-tls": failed(
    "The server at that address does not speak TLS",
    "Give the relay's address as ws:// (or http://), or the port at which it speaks TLS.",
  ),
  "untrusted-certificate": failed(
    "The relay's certificate comes from nobody whom this machine trusts",
    "Check the address; if the relay's operator has an authority of their own, give its certificate with --ca.",
  ),
  "expired-certificate": failed(
    "The relay's certificate has expired, or is not valid yet",
    "Check this machine's clock; else the relay's operator has to renew the certificate.",
  ),
  "wrong-certificate": failed(
    "The relay's certificate is for another name",
    "Give the address with a name that the certificate is for; if you did, somebody else answers there.",
  ),
  "wrong-relay": failed(
    "Another relay answers at that address",
    "Give the relay's address with the name that it has; if you did, somebody else answers there.",
  ),
  "proxy-refused": failed(
    "The proxy does not let fileshare through",
    "Check HTTPS_PROXY or HTTP_PROXY, name and password too, or name the relay's host in NO_PROXY.",
  ),
  "proxy-unreachable": failed(
    "The proxy on the way to the relay cannot be reached",
    "Correct that variable, or name the relay's host in NO_PROXY.",
    0,
    true,
  ),
  "upgrade-dropped": failed(
    "A proxy in front of the relay drops WebSocket upgrades",
    "Configure it to pass the headers Upgrade and Connection on, as the samples in deploy/ do.",
  ),
  "too-many-files": failed(
    "This program may not open more files",
    "Raise the limit with ulimit -n, and run the same command again.",
  ),
  "line-stuck": failed(
    "Nothing gets through on the line to the relay",
    "The transfer goes on by itself once the network lets it; else use another network, or ask its operator.",
    0,
    true,
  ),
  "connection-lost": failed("The line to the relay broke", "It is tried again.", 0, true),
  "unsafe-name": failed(
    "The sender offers a file name that is not safe to write",
    "Nothing was written. Give --rename-unsafe to take it under another name, or ask the sender to rename it.",
  ),
  "bad-manifest": failed(
    "The description of the share is not valid",
    "Nothing was written. Update fileshare on both sides, then send again.",
  ),
  "corrupt-record": failed(
    "A record could not be decrypted",
    "The data was damaged or forged on the way; run the same command again.",
  ),
  "receipt-refused": failed(
    "A receipt that does not verify was received",
    "The receiver does not count as done.",
  ),
  declined: failed("The file was declined", "Nothing was written."),
  "disk-full": failed(
    "There is not enough free space",
    "What arrived is kept; free some space and run the same command again to go on.",
  ),
  "write-failed": failed(
    "The file could not be written",
    "Check the folder and run the same command again: it goes on with what is still there.",
  ),
  "state-stuck": failed(
    "The list of records that left can be neither written nor removed",
    "Set XDG_STATE_HOME to a folder that can be written to, and send again.",
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
    "The reader of the output has stopped reading",
    "Everything before that was written.",
  ),
  "name-exhausted": failed(
    "Too many files of that name are there already",
    "Remove some, or give another folder with --out.",
  ),
  "files-changed": inPart(
    "Some files changed while they were being sent",
    "All others arrived whole. Run the same command again to send these; receivers get them alone with --overwrite.",
  ),
  "not-whole": inPart(
    "Some files did not arrive whole, as they changed at the sender",
    "All others are saved. When the sender sends again, receive it with --overwrite: these alone are fetched.",
  ),
  "some-failed": inPart(
    "Some receivers did not get the whole file",
    "Send it again for them, or use --stay to wait for them.",
  ),
  internal: failed("fileshare made a mistake", "Please report it with the line above."),
} as const satisfies Record<string, Fault>;
