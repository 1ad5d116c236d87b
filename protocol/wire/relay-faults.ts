/** Faults of a relay that starts, or that its operator manages: no client hears of them by the wire. */
import { EXIT, failed, wrongUse, type Fault } from "./fault.ts";

export const RELAY_FAULTS = {
  "port-in-use": failed(
    "The relay cannot listen there, the port is in use",
    "Stop what uses it, or give another with --port (0 takes a free one).",
  ),
  "cannot-listen": failed(
    "The relay cannot listen at that address",
    "Give an address of this machine with --host.",
  ),
  "port-not-allowed": failed(
    "The relay may not listen at that port",
    "Give one from 1024 up with --port, or the right to it (CAP_NET_BIND_SERVICE).",
  ),
  "no-descriptors": failed(
    "The relay has too many files and sockets open",
    "Raise the limit of open files (ulimit -n, LimitNOFILE=) and start it again.",
  ),
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
} as const satisfies Record<string, Fault>;
