/** Measures the cost of the code's proof: `bun test/measure/proof.ts`. Prints the medians of rounds. */
import { proveHello, PROTOCOL_VERSION, checkHello } from "../../protocol/mod.ts";
import { nodePrimitives } from "../../protocol/crypto/crypto-node.ts";

const ROUNDS = 9;
const EACH = 1000;

const signer = nodePrimitives.signer(nodePrimitives.randomBytes(32));
const challenge = { nonce: nodePrimitives.randomBytes(32) };
const claim = { v: PROTOCOL_VERSION, role: "receiver" } as const;
const hello = { t: "hello", ...claim, ...proveHello(claim, challenge, signer) } as const;

function microseconds(what: () => unknown): number {
  const times = Array.from({ length: ROUNDS }, () => {
    const startedAt = performance.now();
    for (let at = 0; at < EACH; at++) what();
    return ((performance.now() - startedAt) / EACH) * 1000;
  });
  return times.toSorted((a, b) => a - b)[Math.floor(ROUNDS / 2)]!;
}

const sign = microseconds(() => proveHello(claim, challenge, signer));
const check = microseconds(() => checkHello(hello, challenge, nodePrimitives));
console.log(`a signature: ${sign.toFixed(0)} µs, its check: ${check.toFixed(0)} µs`);
