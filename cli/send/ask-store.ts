/**
 * Asks a relay about shares that this machine stored there, or has it delete them: one connection, one question after
 * the other. It tries once, as a person waits for the answer.
 */
import {
  CLIENT_TICK_MS,
  FaultError,
  decodeControl,
  detailIn,
  equalBytes,
  helloMessage,
  signerOf,
  type Keys,
  type MessageOf,
} from "../../protocol/mod.ts";
import { nodePrimitives as primitives } from "../../protocol/crypto/crypto-node.ts";
import { SessionLink } from "../connection/session-link.ts";
import type { SendJob } from "../job/jobs.ts";

/** Tests have shorter ones. */
const TIMES = {
  /** How long the relay may take for its greeting, and for each answer. ms */
  answerMs: 10_000,
  /** How long it may take for all of them: 256 questions to a far relay take half of that. ms */
  answersMs: 120_000,
};

export type StoreQuestion = MessageOf<"inspect"> | MessageOf<"revoke">;
export type StoreAnswer = MessageOf<"inspected"> | MessageOf<"revoked">;

/** A relay, and how a client comes to it. */
export type StoreAt = Pick<SendJob, "relay" | "route" | "ca" | "token">;

/**
 * @param keys of the code of one of the shares: the relay lets in holders of a code alone
 * @returns an answer for each question
 * @throws FaultError of the relay or of the connection; "interrupted"
 */
export async function askStore(
  at: StoreAt,
  keys: Keys,
  questions: readonly StoreQuestion[],
  signal: AbortSignal,
  { answerMs, answersMs } = TIMES,
): Promise<StoreAnswer[]> {
  const answers: StoreAnswer[] = [];
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const last = performance.now() + answersMs;
  let until = performance.now() + answerMs;
  const ask = (): void => {
    const next = questions[answers.length];
    until = Math.min(last, performance.now() + answerMs);
    if (next === undefined) resolve();
    else link.control(next);
  };
  const hear = (bytes: Uint8Array): void => {
    const message = decodeControl(bytes, "relay-to-sender");
    switch (message.t) {
      case "challenge": {
        const { hostname: host } = new URL(at.relay);
        const introduction = { signer: signerOf(keys, primitives), host, token: at.token };
        link.control(helloMessage(message, "sender", introduction));
        return;
      }
      case "welcome":
        ask();
        return;
      case "inspected":
      case "revoked":
        if (!isAnswerTo(message, questions[answers.length])) {
          throw new FaultError("bad-message", "an answer to no question");
        }
        answers.push(message);
        ask();
        return;
      case "fault":
        throw new FaultError(message.code, detailIn(message));
      default:
    }
  };
  const link = new SessionLink(
    { ...at, limit: undefined, connections: 1 },
    {
      opened: () => undefined,
      message: (bytes) => {
        try {
          hear(bytes);
        } catch (error) {
          reject(error);
        }
      },
      lost: (fault) => reject(new FaultError(fault, link.about(fault))),
    },
  );
  const timer = setInterval(() => {
    const now = performance.now();
    link.watch(now);
    if (now >= until) reject(new FaultError("relay-unreachable", link.about("relay-unreachable")));
  }, CLIENT_TICK_MS);
  const stop = (): void => reject(new FaultError("interrupted"));
  signal.addEventListener("abort", stop, { once: true });
  if (signal.aborted) stop();
  try {
    link.connect();
    await promise;
    return answers;
  } finally {
    clearInterval(timer);
    signal.removeEventListener("abort", stop);
    await link.close();
  }
}

function isAnswerTo(answer: StoreAnswer, question: StoreQuestion | undefined): boolean {
  const due = question?.t === "inspect" ? "inspected" : "revoked";
  return question !== undefined && answer.t === due && equalBytes(answer.share, question.share);
}
