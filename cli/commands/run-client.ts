import { Admissions, QuestionPace } from "../screen/admissions.ts";
import type { Client } from "../library/client.ts";
import { onInterrupt } from "../system/interrupts.ts";
import type { Screen } from "../screen/screen.ts";

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
      // One that was taken back needs no answer: the share it was about is gone.
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
