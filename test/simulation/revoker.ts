import {
  decodeControl,
  encodeControl,
  equalBytes,
  helloMessage,
  isFrame,
  type FaultCode,
  type Signer,
} from "../../protocol/mod.ts";

import { Client } from "./client.ts";
import type { Connector, Ways } from "./network.ts";
import type { SimShare } from "./share.ts";
import { Violation, type World } from "./world.ts";

/** It asks again after so long without an answer. ms */
const PATIENCE_MS = 20_000;

/** A process that deletes its stored share, and tries until the relay says that it is gone; mirrors cli/stored. */
export class Revoker extends Client {
  readonly #signer: Signer;
  readonly #share: SimShare;
  #triedAt: number;
  isDone = false;

  constructor(world: World, network: Connector, ways: Ways, signer: Signer, share: SimShare) {
    super("revoker", world, network, ways, { startAt: world.clock.now });
    this.#signer = signer;
    this.#share = share;
    this.#triedAt = this.now;
    this.connect();
  }

  protected override onOpened(): void {
    // The relay speaks first.
  }

  protected override onLost(_fault: FaultCode): void {
    this.world.clock.after(this.random.real(100, 2000), () => this.#again());
  }

  protected override onMessage(bytes: Uint8Array): void {
    if (isFrame(bytes)) throw new Violation("a revoker got a frame");
    const message = decodeControl(bytes, "relay-to-sender");
    const { offer, proof, key } = this.#share;
    if (message.t === "challenge") {
      this.say(encodeControl(helloMessage(message, "sender", { signer: this.#signer })));
    } else if (message.t === "welcome") {
      this.control({ t: "revoke", share: offer.share, proof });
    } else if (message.t === "revoked" && equalBytes(message.share, offer.share)) {
      this.world.count("revoked");
      if (this.world.store?.facts(key) !== undefined) {
        throw new Violation("a share is said to be gone, and is in the ledger");
      }
      this.isDone = true;
      this.exit();
    }
  }

  protected override onTick(): void {
    if (this.now - this.#triedAt >= PATIENCE_MS) this.#again();
  }

  #again(): void {
    if (!this.alive) return;
    this.#triedAt = this.now;
    this.connect();
  }
}
