/**
 * The wire and what runs on both of its ends, without I/O, clock or platform: the relay, the CLI and
 * the page stand on this and on nothing else of each other. The primitives are entries of their own:
 * `crypto-node.ts`, which a browser can't load, and `crypto-web.ts` and `crypto-noble.ts`, which the
 * page alone needs.
 */
export * from "./wire/bounded-map.ts";
export * from "./wire/bytes.ts";
export * from "./code/code.ts";
export * from "./wire/ack.ts";
export * from "./wire/control.ts";
export * from "./crypto/crypto.ts";
export * from "./wire/display.ts";
export * from "./content/dangers.ts";
export * from "./wire/faults.ts";
export * from "./wire/wire-faults.ts";
export * from "./wire/frame.ts";
export * from "./crypto/keys.ts";
export * from "./wire/limits.ts";
export { helloMessage, type Introduction } from "./session/link.ts";
export * from "./content/encode-manifest.ts";
export * from "./content/manifest.ts";
export * from "./content/file-marks.ts";
export * from "./wire/msgpack.ts";
export * from "./content/names.ts";
export * from "./crypto/network-id.ts";
export * from "./crypto/proof.ts";
export * from "./session/flow-window.ts";
export * from "./session/receiver-events.ts";
export * from "./session/receiver.ts";
export * from "./content/record.ts";
export * from "./crypto/seal.ts";
export * from "./session/sender-events.ts";
export * from "./session/sender.ts";
export * from "./wire/offsets.ts";
export * from "./wire/sizes.ts";
export * from "./session/start-gate.ts";
export * from "./wire/token-bucket.ts";
export * from "./wire/version.ts";
