/**
 * The wire and what runs on both of its ends, without I/O, clock or platform: the relay, the CLI and
 * the page stand on this and on nothing else of each other. The primitives are entries of their own:
 * `crypto-node.ts`, which a browser can't load, and `crypto-web.ts`, which nobody else needs.
 */
export * from "./bytes.ts";
export * from "./code.ts";
export * from "./control.ts";
export * from "./crypto.ts";
export * from "./dangers.ts";
export * from "./faults.ts";
export * from "./wire-faults.ts";
export * from "./frame.ts";
export * from "./keys.ts";
export * from "./limits.ts";
export { helloMessage, type Introduction } from "./link.ts";
export * from "./encode-manifest.ts";
export * from "./manifest.ts";
export * from "./permissions.ts";
export * from "./msgpack.ts";
export * from "./names.ts";
export * from "./proof.ts";
export * from "./receiver-events.ts";
export * from "./receiver.ts";
export * from "./record.ts";
export * from "./relay-limits.ts";
export * from "./seal.ts";
export * from "./sender-events.ts";
export * from "./sender.ts";
export * from "./sizes.ts";
export * from "./start-gate.ts";
export * from "./states.ts";
export * from "./tempo.ts";
export * from "./version.ts";
