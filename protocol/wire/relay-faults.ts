/** Faults of a relay that starts, or that its operator manages: no client hears of them by the wire. */
import { EXIT, failed, wrongUse, type Fault } from "./fault.ts";

export const RELAY_FAULTS = {
  "port-in-use": failed(
    "The relay cannot listen, because the port is in use",
    "Stop the program that uses the port, or give another port (--port for clients, where 0 takes a free one).",
  ),
  "cannot-listen": failed(
    "The relay cannot listen at that address",
    "Give an address of this machine (--host for clients).",
  ),
  "port-not-allowed": failed(
    "The relay has no right to listen at that port",
    "Give a port from 1024 up (--port for clients), or grant the right (CAP_NET_BIND_SERVICE).",
  ),
  "no-descriptors": failed(
    "The relay has reached its limit of open files",
    "Raise the limit (ulimit -n, LimitNOFILE=), then start the relay again.",
  ),
  "bad-ban": failed(
    "The address cannot be banned",
    "Give an address or a range without this machine and its proxies.",
  ),
  "bad-ban-file": failed(
    "The ban file is not valid",
    "Correct the file, or give another one with --ban-file.",
  ),
  "bad-log-folder": failed(
    "The relay cannot write its log in the folder",
    "Give a writable folder with --log-dir.",
  ),
  "bad-store": failed(
    "The relay cannot use its store",
    "Give a folder that is this user's alone, or a bucket, with --store, and one relay to each.",
  ),
  "bad-certificate": failed(
    "The relay cannot use TLS with the certificate",
    "Give the certificate with its chain in --tls-cert, and its key in --tls-key, both as PEM.",
  ),
  "bad-tokens": wrongUse(
    "The relay's tokens are not valid",
    "Correct the token file, or make one with fileshare relay token add.",
  ),
  "bad-cluster": wrongUse(
    "The relay cannot join the cluster as its options say",
    "Correct the options --cluster-..., or leave out --cluster.",
  ),
  "no-nats": wrongUse(
    "The relay has no client of NATS, which --cluster needs",
    "Install it beside fileshare: npm install -g @nats-io/transport-node@3.4.0 @nats-io/jetstream@3.4.0. The binary and the container have it.",
  ),
  "relay-failed": {
    sentence: "The relay could not continue",
    advice:
      "Start it again, as a service manager does. If the fault returns, report the lines above.",
    retry: false,
    closeCode: 0,
    exitCode: EXIT.relayFailed,
  },
} as const satisfies Record<string, Fault>;
