/**
 * Faults that a client finds out by itself: about its command line, its files and disk, its way to a
 * relay, its person's will. None of them is ever taken from the wire.
 */
import { EXIT, failed, inPart, wrongUse, type Fault } from "./fault.ts";

export const CLI_FAULTS = {
  usage: wrongUse("The command line is wrong", "Run the command with --help to see its options."),
  "bad-code": wrongUse(
    "The given text is not a code",
    "A code has seven words, such as amused-oyster-velvet-crisp-lunar-solid-worry; the first four letters of each are enough.",
  ),
  "weak-code": wrongUse(
    "The code is too easy to guess",
    "Leave out --code and FILESHARE_CODE to get random words, or add random letters and digits.",
  ),
  "bad-relay-address": wrongUse(
    "The relay's address is not valid",
    "Give it as ws://host:port or wss://host:port; http and https work too.",
  ),
  "bad-config": wrongUse(
    "The configuration file is not valid",
    "Correct it with fileshare config --edit, or ignore it with FILESHARE_CONFIG= before the command.",
  ),
  "bad-proxy": wrongUse(
    "A proxy variable is not an http:// or https:// address",
    "Correct HTTPS_PROXY, HTTP_PROXY or ALL_PROXY, or add the relay's host to NO_PROXY.",
  ),
  "bad-ca": wrongUse(
    "The file has no certificates to trust",
    "Give a PEM file with the certificates of authorities with --ca.",
  ),
  "no-relay-here": failed(
    "No admin listener of a relay answers",
    "Start a relay as the same user, or give --admin HOST:PORT and an admin token in FILESHARE_TOKEN.",
  ),
  "refused-action": failed(
    "The relay refused the action",
    "Check its numbers and addresses with fileshare relay status.",
  ),
  "no-such-file": wrongUse("The file does not exist", "Check the path."),
  "not-a-file": wrongUse(
    "The path is not a regular file",
    "Send regular files and folders, or send a pipe with fileshare send -.",
  ),
  "unsendable-name": wrongUse(
    "The name cannot be sent",
    "Rename the file, leave it out with --exclude or --skip-unsafe, give --name for one path, or let receivers rename it with --offer-unsafe.",
  ),
  "unreadable-file": wrongUse(
    "The file cannot be read",
    "Correct the cause, or leave the file out with --exclude; --skip-unsafe leaves out all such files in folders.",
  ),
  "endless-file": wrongUse(
    "The size of the file is unknown, and its end was not found",
    "Leave the file out with --exclude or --skip-unsafe, or send a part of it from a pipe: head -c 1M FILE | fileshare send -.",
  ),
  "share-too-big": wrongUse(
    "The content is too large for one share",
    "Send it in several parts, or pack many small files into one archive first.",
  ),
  interrupted: {
    sentence: "Interrupted",
    advice: "Run the same command again to continue.",
    retry: false,
    closeCode: 0,
    exitCode: EXIT.interrupted,
  },
  "deadline-over": {
    sentence: "The time limit of the run is over",
    advice: "Run the same command again, with a longer --timeout, to continue.",
    retry: false,
    closeCode: 0,
    exitCode: EXIT.timedOut,
  },
  "relay-unreachable": failed(
    "The relay cannot be reached",
    "Check the address, start the relay (fileshare relay), or give another one with --relay.",
    0,
    true,
  ),
  "not-a-relay": failed(
    "No fileshare relay answers at that address",
    "Check the address and the port in --relay or FILESHARE_RELAY.",
  ),
  "wants-tls": failed(
    "The relay accepts only connections with TLS",
    "Give its address as wss:// or https://, with the port for TLS.",
  ),
  "no-tls": failed(
    "The server at that address does not speak TLS",
    "Give the relay's address as ws:// or http://, or give its port for TLS.",
  ),
  "untrusted-certificate": failed(
    "This machine does not trust the authority of the relay's certificate",
    "Check the address. If the relay has an authority of its own, give the authority's certificate with --ca.",
  ),
  "expired-certificate": failed(
    "The relay's certificate has expired or is not valid yet",
    "Check this machine's clock. If it is right, ask the relay's operator to renew the certificate.",
  ),
  "wrong-certificate": failed(
    "The relay's certificate is for another name",
    "Give an address with a name of the certificate. If you did, another server answers there.",
  ),
  "wrong-relay": failed(
    "Another relay answers at that address",
    "Give the address with the relay's own name. If you did, another server answers there.",
  ),
  "proxy-refused": failed(
    "The proxy refused the connection to the relay",
    "Check HTTPS_PROXY or HTTP_PROXY, with user name and password, or add the relay's host to NO_PROXY.",
  ),
  "proxy-unreachable": failed(
    "The proxy on the way to the relay cannot be reached",
    "Correct the proxy variable, or add the relay's host to NO_PROXY.",
    0,
    true,
  ),
  "upgrade-dropped": failed(
    "A proxy in front of the relay drops WebSocket upgrades",
    "Let the proxy pass the headers Upgrade and Connection, as the samples in deploy/ do.",
  ),
  "too-many-files": failed(
    "The program has reached its limit of open files",
    "Raise the limit with ulimit -n, then run the same command again.",
  ),
  "line-stuck": failed(
    "No data passes on the connection to the relay",
    "The transfer continues when the network lets data pass. Otherwise use another network, or ask its operator.",
    0,
    true,
  ),
  "connection-lost": failed(
    "The connection to the relay broke",
    "fileshare reconnects by itself.",
    0,
    true,
  ),
  "unsafe-name": failed(
    "The share has a file name that is not safe to write",
    "Nothing was written. Save it under another name with --rename-unsafe, or ask the sender to rename the file.",
  ),
  "bad-manifest": failed(
    "The description of the share is not valid",
    "Nothing was written. Update fileshare on both sides, then send again.",
  ),
  "corrupt-record": failed(
    "A record could not be decrypted",
    "The data was damaged or forged on the way. Run the same command again.",
  ),
  "receipt-refused": failed(
    "A receiver sent a receipt that does not verify",
    "The sender does not count this receiver as done.",
  ),
  declined: failed("The file was declined", "Nothing was written."),
  "disk-full": failed(
    "The disk has too little free space",
    "Received data is kept. Free some space, then run the same command again to continue.",
  ),
  "write-failed": failed(
    "The file could not be written",
    "Check the folder, then run the same command again; it continues with the data that is still there.",
  ),
  "state-stuck": failed(
    "The list of sent records can be neither written nor removed",
    "Set XDG_STATE_HOME to a writable folder, then send again.",
  ),
  "bad-destination": wrongUse("The folder cannot be written to", "Give another folder with --out."),
  "file-exists": failed(
    "A file of this name exists already",
    "Replace it with --overwrite, or give another folder with --out.",
  ),
  "in-the-way": failed(
    "A link or a file is in the place of a folder",
    "Remove it, give another folder with --out, or keep both with --rename.",
  ),
  "several-files": wrongUse(
    "Standard output takes one file or text, and the share has more",
    "Receive the share without --stdout.",
  ),
  "output-closed": failed(
    "The reader of the output stopped reading",
    "Everything before that was written.",
  ),
  "name-exhausted": failed(
    "Too many files of this name exist already",
    "Remove some, or give another folder with --out.",
  ),
  "files-changed": inPart(
    "Some files changed while they were sent",
    "All other files arrived whole. Run the same command again to send these; with --overwrite receivers fetch only them.",
  ),
  "not-whole": inPart(
    "Some files changed at the sender and did not arrive whole",
    "All other files are saved. When the sender sends again, receive with --overwrite to fetch only these.",
  ),
  "some-failed": inPart(
    "Some receivers did not get everything",
    "Send again for them, or use --stay to wait for them.",
  ),
  internal: failed("fileshare has an internal error", "Please report it with the line above."),
} as const satisfies Record<string, Fault>;
