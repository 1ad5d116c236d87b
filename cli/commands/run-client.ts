import { Admissions, QuestionPace } from "../screen/admissions.ts";
import type { Client } from "../library/client.ts";
import { onInterrupt } from "../system/interrupts.ts";
import type { Screen } from "../screen/screen.ts";
import type { ClientEvent } from "../job/event-schema.ts";

/** Shows what a client does until it ends, and carries questions and Ctrl-C. @returns the exit code */
export async function runClient(client: Client, screen: Screen): Promise<number> {
  using _ = onInterrupt(() => client.interrupt());
  const admissions = new Admissions(client, screen);
  let question = new AbortController();
  let asked = Promise.resolve();
  const pace = new QuestionPace();
  try {
    for await (const event of client) {
      screen.show(event);
      admissions.on(event);
      // An error may be about the share before: what follows it is one of these, or the end.
      if (event.event === "offer" || event.event === "waiting") question.abort();
      if (event.event !== "offer" || !event.question) continue;
      question = new AbortController();
      // A question that is taken back needs no answer: its share is gone.
      const { signal } = question;
      asked = pace
        .turn(signal)
        .then(() => screen.ask(event, signal))
        .then(
          (answer) => client.answer(event.share, answer),
          () => pace.takenBack(),
        );
    }
    question.abort();
    // The screen holds lines back during a question, and the last words belong below them.
    await Promise.all([asked, admissions.close()]);
    const outcome = await client.outcome;
    screen.end(outcome);
    return outcome.exitCode;
  } finally {
    screen.close();
  }
}

export interface AwaitedCode {
  /** Undefined: the client ended without one. */
  readonly code: Extract<ClientEvent, { event: "code" }> | undefined;
  /** The same client, with all of its events. */
  readonly client: Client;
}

/** Waits until a send knows its code: which one that is depends on what was sent before. */
export async function awaitCode(client: Client): Promise<AwaitedCode> {
  using _ = onInterrupt(() => client.interrupt());
  const rest = client[Symbol.asyncIterator]();
  const seen: ClientEvent[] = [];
  let code: AwaitedCode["code"];
  while (code === undefined) {
    const next = await rest.next();
    if (next.done === true) break;
    seen.push(next.value);
    if (next.value.event === "code") code = next.value;
  }
  const all = async function* (): AsyncGenerator<ClientEvent, void> {
    yield* seen;
    for (let next = await rest.next(); next.done !== true; next = await rest.next())
      yield next.value;
  };
  return { code, client: { ...client, [Symbol.asyncIterator]: all } };
}
