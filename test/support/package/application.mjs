/**
 * An application with the installed library. Bun and Node run it alike: `application.mjs STEP RELAY [CA]`, with the code and its
 * master key in the environment. It prints what came out, as one line of JSON.
 */
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { receive, revoke, send, stored } from "fileshare";

const [step, relay, ca] = process.argv.slice(2);
const { CODE: code, MASTER: master } = process.env;
const common = { relay, code, master };

/** Reads all events of a client. */
async function ended(client, seen = () => undefined) {
  const events = [];
  for await (const event of client) {
    events.push(event);
    seen(event);
  }
  const { fault = "none" } = await client.outcome;
  return { events, fault };
}

async function pass(what, options = {}, received = {}) {
  const [sent, got] = await Promise.all([
    ended(send({ ...common, what, ...options })),
    ended(receive({ ...common, out: "out", ...options, ...received })),
  ]);
  return { sent, got };
}

const find = (events, name) => events.find(({ event }) => event === name);
const sum = (path) => createHash("sha256").update(readFileSync(path)).digest("hex");

/** The code of the error that a send without a relay has. */
async function failed(options = {}) {
  const { events } = await ended(
    send({ ...common, what: { from: "text", text: "no" }, ...options }),
  );
  const { code, message } = events.findLast(({ event }) => event === "error");
  return { code, message };
}

const steps = {
  async all() {
    const text = await pass({ from: "text", text: "hello" });
    const files = await pass(["files"], {}, { checksumFile: true });
    const stream = await pass({ from: "stdin", name: "stream" });
    return {
      faults: [text, files, stream].flatMap(({ sent, got }) => [sent.fault, got.fault]),
      text: find(text.got.events, "text").text,
      sum: sum("out/files/a.bin"),
      list: readFileSync("out/SHA256SUMS", "utf8"),
      stream: readFileSync("out/stream", "utf8"),
    };
  },
  async text() {
    const { sent, got } = await pass(
      { from: "text", text: "hello" },
      ca === undefined ? {} : { ca },
    );
    return { faults: [sent.fault, got.fault], text: find(got.events, "text").text };
  },
  /** Aborts a receive half-way, and goes on from what it left. */
  async resume() {
    const sent = ended(send({ ...common, what: ["files/a.bin"] }));
    const stop = new AbortController();
    const begun = await ended(
      receive({ ...common, out: "out", limit: 1 << 20, signal: stop.signal }),
      ({ event, bytes }) => event === "progress" && bytes > 0 && stop.abort(),
    );
    const { events, fault } = await ended(receive({ ...common, out: "out" }));
    await sent;
    return {
      first: begun.fault,
      second: fault,
      went: find(events, "progress").bytes > 0,
      sum: sum("out/a.bin"),
    };
  },
  /** Stores a text, lists it, deletes it, and deletes it once more. */
  async stored() {
    await ended(send({ ...common, what: { from: "text", text: "kept" }, store: { life: 60 } }));
    const [{ state, name }] = await stored({ relay });
    const [{ known }] = await revoke(code);
    const again = await revoke(code).catch((error) => error.code);
    return { state, name, known, again, left: await stored() };
  },
  failed: () => failed(),
  unreachable: () => failed({ connectTimeoutMs: 1000 }),
  options() {
    try {
      send({ what: ["a"], receviers: 2 });
      return {};
    } catch ({ code, message }) {
      return { code, message };
    }
  },
};

process.stdout.write(`${JSON.stringify(await steps[step]())}\n`);
