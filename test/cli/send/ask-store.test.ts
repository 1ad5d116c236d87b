/** Questions about stored shares to a relay that answers late. */
import { afterAll, beforeEach, expect, test } from "bun:test";

import { askStore, type StoreQuestion } from "../../../cli/send/ask-store.ts";
import {
  NONCE_BYTES,
  PROTOCOL_VERSION,
  decodeControl,
  encodeControl,
  fromHex,
  keysOfMaster,
  type Message,
} from "../../../protocol/mod.ts";
import { nodePrimitives } from "../../../protocol/crypto/crypto-node.ts";
import { knownCode, masterOf } from "../../support/clients/known-codes.ts";
import { faultOfAsync } from "../../support/faults.ts";

const LONG_MS = 60_000;
const SHORT_MS = 300;
const { signal } = new AbortController();
const limits = { frame: 1 << 20, window: 16, credit: 16 };
const keys = keysOfMaster(fromHex(masterOf(knownCode()))!, nodePrimitives);
const share = new Uint8Array(16);
const question: StoreQuestion = { t: "inspect", share, proof: new Uint8Array(32) };
const answer: Message = {
  t: "inspected",
  share,
  state: "unknown",
  records: 0,
  downloads: 0,
  receipts: [],
};

let answers = 0;
let mostAnswers = Infinity;
beforeEach(() => {
  answers = 0;
  mostAnswers = Infinity;
});

/** A relay that gives `mostAnswers`, each at once. */
const relay = Bun.serve({
  port: 0,
  hostname: "127.0.0.1",
  fetch: (request, server) => (server.upgrade(request) ? undefined : new Response()),
  websocket: {
    open: (socket) => {
      socket.sendBinary(encodeControl({ t: "challenge", nonce: new Uint8Array(NONCE_BYTES) }));
    },
    message: (socket, bytes) => {
      const { t } = decodeControl(new Uint8Array(Buffer.from(bytes)), "anyone");
      const session = new Uint8Array(8);
      if (t === "hello") {
        socket.sendBinary(encodeControl({ t: "welcome", v: PROTOCOL_VERSION, session, limits }));
      } else if (answers < mostAnswers) {
        answers++;
        socket.sendBinary(encodeControl(answer));
      }
    },
  },
});
afterAll(() => relay.stop(true));

const at = { relay: `ws://127.0.0.1:${relay.port}/ws`, route: undefined, ca: undefined };

test("each question has its answer, in their order", async () => {
  const questions = [question, question, question];
  const heard = await askStore({ ...at, token: undefined }, keys, questions, signal);
  expect(heard).toHaveLength(questions.length);
});

test("a relay that gives no further answer is given up after the time for one", async () => {
  mostAnswers = 2;
  const times = { answerMs: SHORT_MS, answersMs: LONG_MS };
  const questions = [question, question, question];
  const asking = () => askStore({ ...at, token: undefined }, keys, questions, signal, times);
  await faultOfAsync(asking, "relay-unreachable");
  expect(answers).toBe(2);
});

test("a relay that answers each question in time is given up after the time for all", async () => {
  const times = { answerMs: LONG_MS, answersMs: SHORT_MS };
  // More than any relay answers in that time.
  const questions = Array.from({ length: 1_000_000 }, () => question);
  const asking = () => askStore({ ...at, token: undefined }, keys, questions, signal, times);
  await faultOfAsync(asking, "relay-unreachable");
  expect(answers).toBeGreaterThan(0);
});
