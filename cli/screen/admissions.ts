/**
 * The questions about receivers, for a sender that decides by itself which of them it serves: one
 * question after the other, taken back when its receiver goes away. `runClient` owns the one queue.
 */
import { setTimeout as sleep } from "node:timers/promises";

import type { ClientEvent } from "../job/event-schema.ts";
import type { Client } from "../library/client.ts";
import { shown } from "./format.ts";
import { askChoice } from "./prompts.ts";
import type { Screen } from "./screen.ts";

/**
 * Time from a question that was withdrawn to the next: a receiver that comes and goes must not fill
 * a terminal.
 */
const QUESTIONS_EVERY_MS = 1000;

type AsksEvent = Extract<ClientEvent, { event: "asks" }>;

export class Admissions {
  readonly #client: Client;
  readonly #screen: Screen;
  /** Receivers that wait for an answer, in the order of the questions; each has one place at most. */
  readonly #waiting = new Map<string, { event: AsksEvent; question: AbortController }>();
  readonly #pace = new QuestionPace();
  #asking: Promise<void> | undefined;

  constructor(client: Client, screen: Screen) {
    this.#client = client;
    this.#screen = screen;
  }

  on(event: ClientEvent): void {
    if (event.event === "asks") {
      // By another name it is another question.
      this.#takeBack(event.id);
      this.#waiting.set(event.id, { event, question: new AbortController() });
      this.#asking ??= this.#askAll();
    } else if (event.event === "receiver" && ["lost", "left"].includes(event.state)) {
      this.#takeBack(event.id);
    }
  }

  /** Once it settles, the screen asks no more questions. */
  async close(): Promise<void> {
    for (const id of this.#waiting.keys()) this.#takeBack(id);
    await this.#asking;
  }

  #takeBack(id: string): void {
    this.#waiting.get(id)?.question.abort();
    this.#waiting.delete(id);
  }

  async #askAll(): Promise<void> {
    for (;;) {
      const [next] = this.#waiting.values();
      if (next === undefined) break;
      const { event, question } = next;
      try {
        const { signal } = question;
        await this.#pace.turn(signal);
        const admit = await this.#screen.pause(() => askAdmission(event, signal));
        if (!signal.aborted) this.#client.admit(event.id, admit);
      } catch {
        // Taken back, or interrupted; the client handles an interruption by itself.
        this.#pace.takenBack();
      }
      if (this.#waiting.get(event.id) === next) this.#waiting.delete(event.id);
    }
    this.#asking = undefined;
  }
}

/** Whether a receiver may have what is sent. Its name is its own word, so Enter alone is no. */
export async function askAdmission({ id, name }: AsksEvent, signal: AbortSignal): Promise<boolean> {
  const who = name.trim() === "" ? "a receiver without a name" : shown(name);
  const question = `Let ${who} (${id.slice(0, 8)}) receive it? (y/N) `;
  return (await askChoice(question, ["n", "y"], signal)) === "y";
}

/** A question that others take back makes the next one wait; one that is answered does not. */
export class QuestionPace {
  #notBefore = 0;

  /** @throws when it is taken back meanwhile */
  async turn(signal: AbortSignal): Promise<void> {
    const wait = this.#notBefore - performance.now();
    if (wait > 0) await sleep(wait, undefined, { signal });
  }

  takenBack(): void {
    this.#notBefore = performance.now() + QUESTIONS_EVERY_MS;
  }
}
