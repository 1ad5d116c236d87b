/** The primitives that this browser has for this page. */
import type { Primitives } from "../../protocol/crypto/crypto.ts";
import { noblePrimitives } from "../../protocol/crypto/crypto-noble.ts";
import { webPrimitives } from "../../protocol/crypto/crypto-web.ts";

/** A browser gives `crypto.subtle` to a page over https or of this machine, and to no other. */
const hasWebCrypto = (globalThis.crypto as Partial<Crypto>).subtle !== undefined;

export const primitives: Primitives = hasWebCrypto ? webPrimitives : noblePrimitives;
