import { FaultError, NONCE_BYTES } from "../../protocol/mod.ts";

import type { ClusterSecret, NamedLine } from "./proof.ts";
import { CLUSTER_VERSION, encodeCluster, type OwnMessageOf } from "./wire.ts";

/** An owner that sends no welcome for so long after a line was opened is gone. ms */
export const WELCOME_MS = 10_000;

/** The names by which this relay greets others. */
export interface Greeter {
  /** Its id. */
  readonly relay: Uint8Array;
  readonly secret: ClusterSecret;
  readonly randomBytes: (length: number) => Uint8Array;
}

/** The beginning of a line at the edge: each side proves that it is a relay of the cluster. */
export class Greeting {
  readonly #greeter: Greeter;
  readonly #named: Omit<NamedLine, "relay">;
  #hello: OwnMessageOf<"edge-hello"> | undefined;
  #isWelcome = false;

  constructor(greeter: Greeter, named: Omit<NamedLine, "relay">) {
    this.#greeter = greeter;
    this.#named = named;
  }

  get isWelcome(): boolean {
    return this.#isWelcome;
  }

  /**
   * The owner greets.
   * @returns the answer, packed
   * @throws FaultError `bad-message`
   */
  challenged(nonce: Uint8Array): Uint8Array {
    if (this.#hello !== undefined) throw new FaultError("bad-message", "a second challenge");
    const { relay, secret, randomBytes } = this.#greeter;
    const named = { relay, ...this.#named };
    const mac = secret.edgeProof(nonce, named);
    const own = randomBytes(NONCE_BYTES);
    this.#hello = { t: "edge-hello", v: CLUSTER_VERSION, ...named, nonce: own, mac };
    return encodeCluster(this.#hello);
  }

  /** @throws FaultError `bad-message`, `not-proved` */
  welcomed({ mac }: OwnMessageOf<"edge-welcome">): void {
    if (this.#hello === undefined || this.#isWelcome) {
      throw new FaultError("bad-message", "a welcome out of turn");
    }
    this.#greeter.secret.checkOwner(mac, this.#hello);
    this.#isWelcome = true;
  }
}
