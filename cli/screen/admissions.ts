/** Asks a person about one receiver after the other, for a sender that lets in whom it knows. */
import type { Client } from "../library/client.ts";
import type { ClientEvent } from "../job/event-schema.ts";
import { QuestionPace } from "./question-pace.ts";
import type { AsksEvent } from "./ask-admission.ts";
import type { Screen } from "./screen.ts";

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

  hear(event: ClientEvent): void {
    if (event.event === "asks") {
      // By another name it is another question.
      this.#takeBack(event.id);
      this.#waiting.set(event.id, { event, question: new AbortController() });
      this.#asking ??= this.#askAll();
    } else if (event.event === "receiver" && ["lost", "left"].includes(event.state)) {
      this.#takeBack(event.id);
    }
  }

  /** Nothing is asked any more, once it settles. */
  async close(): Promise<void> {
    for (const id of this.#waiting.keys()) this.#takeBack(id);
    await this.#asking;
  }

  #takeBack(id: string): void {
    this.#waiting.get(id)?.question.abort();
    this.#waiting.delete(id);
  }

  async #askAll(): Promise<void> {
    const { askAdmission } = await import("./ask-admission.ts");
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
        // Taken back, or interrupted, which the client hears of by itself.
        this.#pace.takenBack();
      }
      if (this.#waiting.get(event.id) === next) this.#waiting.delete(event.id);
    }
    this.#asking = undefined;
  }
}
