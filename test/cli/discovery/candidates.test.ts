/** The choice among relays, in virtual time: every relay gets turns, and none holds up the others. */
import { describe, expect, test } from "bun:test";
import {
  CANDIDATES,
  CANDIDATES_OF_SOURCE,
  Candidates,
  DISTRUST_MS,
  OFFER_MS,
  RETRY_FIRST_MS,
  RETRY_MOST_MS,
  SILENT_MS,
  STALE_MS,
  TRIALS,
} from "../../../cli/discovery/candidates.ts";

const LOCAL = "ws://127.0.0.1:8000/ws";
const STEP_MS = 250;
const relay = (n: number): string => `ws://10.0.0.${n}:8000/ws`;

type Behaviour = "offers" | "waits" | "refuses" | "silent";

/** A network of relays, each as it behaves, and the trials of one receiver. */
class Stage {
  now = 0;
  readonly candidates = new Candidates(LOCAL, 0);
  readonly trials = new Map<string, number>();
  readonly begun = new Map<string, number>();
  readonly behaviours = new Map<string, Behaviour>();

  hear(address: string, by: string, behaviour: Behaviour): void {
    this.behaviours.set(address, behaviour);
    this.candidates.heard(address, by, this.now);
  }

  /** @returns the relay that offers something */
  step(): string | undefined {
    this.now += STEP_MS;
    const { begin, end } = this.candidates.tick(this.now);
    for (const address of end) this.trials.delete(address);
    for (const address of begin) {
      expect(this.trials.has(address)).toBe(false);
      this.trials.set(address, this.now);
      this.begun.set(address, (this.begun.get(address) ?? 0) + 1);
      const behaviour = this.behaviours.get(address) ?? "refuses";
      if (behaviour === "offers") return address;
      if (behaviour === "waits") this.candidates.welcomed(address);
      if (behaviour !== "refuses") continue;
      this.trials.delete(address);
      this.candidates.failed(address, this.now);
    }
    expect(this.trials.size).toBeLessThanOrEqual(TRIALS + 1);
    return undefined;
  }

  /** The session was at that relay, and found nothing there. */
  leave(address: string): void {
    this.trials.clear();
    this.candidates.pause(this.now);
    this.candidates.distrusted(address, this.now);
  }

  run(ms: number): string | undefined {
    for (const until = this.now + ms; this.now < until;) {
      const taken = this.step();
      if (taken !== undefined) return taken;
    }
    return undefined;
  }
}

describe("the choice among relays", () => {
  test("tries the relay of this machine and an announced one at once", () => {
    const stage = new Stage();
    stage.hear(relay(1), "10.0.0.1", "waits");
    stage.behaviours.set(LOCAL, "waits");
    stage.step();
    expect([...stage.trials.keys()]).toEqual([LOCAL, relay(1)]);
  });

  test("stays with relays that have no offer while there is nothing else to try", () => {
    const stage = new Stage();
    stage.behaviours.set(LOCAL, "waits");
    stage.hear(relay(1), "10.0.0.1", "waits");
    stage.run(60_000);
    expect(stage.begun.get(LOCAL)).toBe(1);
    expect(stage.begun.get(relay(1))).toBe(1);
  });

  test.each(["waits", "refuses", "silent"] as const)(
    "finds the true relay among as many as are remembered, of which the others %s",
    (behaviour) => {
      const stage = new Stage();
      for (let n = 1; n < CANDIDATES; n++) stage.hear(relay(n), `10.0.0.${n}`, behaviour);
      stage.hear(relay(200), "10.0.0.200", "offers");
      const turns = Math.ceil(CANDIDATES / TRIALS);
      expect(stage.run(turns * (OFFER_MS + SILENT_MS))).toBe(relay(200));
    },
  );

  test("gives all of many relays their turns for ever", () => {
    const stage = new Stage();
    for (let n = 1; n <= 12; n++) stage.hear(relay(n), `10.0.0.${n}`, "waits");
    stage.run(60_000);
    const turns = Array.from({ length: 12 }, (_, n) => stage.begun.get(relay(n + 1)) ?? 0);
    expect(Math.max(...turns) - Math.min(...turns)).toBeLessThanOrEqual(1);
    expect(Math.min(...turns)).toBeGreaterThanOrEqual(4);
  });

  test("pauses after failures, and never for longer than the most", () => {
    const stage = new Stage();
    stage.hear(relay(1), "10.0.0.1", "refuses");
    stage.run(RETRY_FIRST_MS - STEP_MS);
    expect(stage.begun.get(relay(1))).toBe(1);
    stage.run(120_000);
    const before = stage.begun.get(relay(1))!;
    expect(before).toBeLessThan(15);
    stage.run(RETRY_MOST_MS + STEP_MS);
    expect(stage.begun.get(relay(1))).toBe(before + 1);
  });

  test("tries a failed relay soon when it is heard again, but a liar at most once a second", () => {
    const stage = new Stage();
    stage.hear(relay(1), "10.0.0.1", "refuses");
    stage.run(60_000);
    const before = stage.begun.get(relay(1))!;
    for (let n = 0; n < 40; n++) {
      stage.hear(relay(1), "10.0.0.1", "refuses");
      stage.step();
    }
    const more = stage.begun.get(relay(1))! - before;
    expect(more).toBeGreaterThan(5);
    expect(more).toBeLessThanOrEqual((40 * STEP_MS) / RETRY_FIRST_MS + 1);
  });

  test("passes over a relay whose offer came to nothing", () => {
    const stage = new Stage();
    stage.hear(relay(1), "10.0.0.1", "offers");
    expect(stage.step()).toBe(relay(1));
    stage.leave(relay(1));
    stage.hear(relay(2), "10.0.0.2", "offers");
    expect(stage.step()).toBe(relay(2));
    stage.leave(relay(2));
    expect(stage.run(DISTRUST_MS - 2 * STEP_MS)).toBeUndefined();
    expect(stage.run(2 * STEP_MS)).toBe(relay(1));
  });

  test("remembers few relays of one machine, and leaves room for others", () => {
    const stage = new Stage();
    for (let n = 1; n <= 250; n++) {
      stage.hear(relay(n), "10.0.0.66", "refuses");
      stage.step();
    }
    expect(stage.candidates.announced).toBeLessThanOrEqual(CANDIDATES_OF_SOURCE);
    stage.hear("ws://10.0.1.1:8000/ws", "10.0.1.1", "offers");
    expect(stage.run(RETRY_MOST_MS)).toBe("ws://10.0.1.1:8000/ws");
  });

  test("never remembers more than its limit, and hears a new relay among many that failed", () => {
    const stage = new Stage();
    for (let n = 1; n <= 250; n++) {
      stage.hear(relay(n), `10.0.0.${n}`, "refuses");
      stage.step();
    }
    expect(stage.candidates.announced).toBe(CANDIDATES);
    stage.hear("ws://10.0.1.1:8000/ws", "10.0.1.1", "offers");
    expect(stage.run(RETRY_MOST_MS)).toBe("ws://10.0.1.1:8000/ws");
  });

  test("T21 a forged goodbye takes no turn from the true relay", () => {
    const stage = new Stage();
    for (let n = 1; n <= 2 * TRIALS; n++) stage.hear(relay(n), `10.0.0.${n}`, "waits");
    stage.run(OFFER_MS);
    stage.hear(relay(200), "10.0.0.200", "offers");
    stage.candidates.gone(relay(200));
    expect(stage.run(2 * OFFER_MS)).toBe(relay(200));
  });

  test("forgets a relay after its goodbye or a long silence, and never the one of this machine", () => {
    const stage = new Stage();
    stage.hear(relay(1), "10.0.0.1", "refuses");
    stage.hear(relay(2), "10.0.0.2", "refuses");
    stage.step();
    stage.candidates.gone(relay(1));
    stage.candidates.gone(LOCAL);
    stage.run(RETRY_FIRST_MS);
    expect(stage.candidates.announced).toBe(1);
    stage.run(STALE_MS + STEP_MS);
    expect(stage.candidates.announced).toBe(0);
    expect(stage.candidates.has(LOCAL)).toBe(true);
  });
});
