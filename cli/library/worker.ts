/** The streaming thread: socket, cipher and disk. The main thread keeps the screen. */
import { FAULTS, FaultError, signerOf } from "../../protocol/mod.ts";

import type { FromThread, ToThread } from "./client.ts";
import type { ClientEvent } from "../job/event-schema.ts";
import { findRelay } from "../connection/find-relay.ts";
import { placesOf } from "../connection/relay-choice.ts";
import type { Job, Outcome, ReceiveJob } from "../job/jobs.ts";
import { keysFor } from "../job/job-keys.ts";
import type { Place, RelaySearch } from "../discovery/relay-search.ts";
import { nodePrimitives as primitives } from "../../protocol/crypto/crypto-node.ts";
import { ownThread } from "../system/runtime.ts";
import { makeDestination, removeEmptyDestination } from "../system/folder.ts";
import { SessionLink } from "../connection/session-link.ts";
import { networkHere } from "../connection/network-here.ts";
import { Onlooker } from "./onlooker.ts";
import { Receiving } from "../receive/receiving.ts";
import { SendEditions } from "../send/send-editions.ts";

function post(message: FromThread): void {
  ownThread.post(message);
}

/** The master key of the job's code. */
const master = Promise.withResolvers<string>();

/** Ends the search for the relay. */
const interrupted = new AbortController();

/** The same job with the address of its relay. @throws FaultError as `findRelay` */
async function placed<Some extends Job>(job: Some): Promise<Some> {
  const { relay, further = [], route = "option", relayHosts: hosts, ca, connectTimeoutMs } = job;
  if (hosts === undefined) return job;
  const [first, ...rest] = [relay, ...further].map((address) => ({
    address,
    host: hosts[address],
  }));
  const choice = { route, address: relay, ...first, further: rest, ca, args: [] };
  const { signal } = interrupted;
  const found = placesOf(await findRelay(choice, connectTimeoutMs, { signal }));
  const [at = relay, ...others] = found.map(({ address }) => address);
  return { ...job, relay: at, further: others };
}

/** The same job at the relay that has the share. @throws FaultError "interrupted", or why there is none in time */
async function searched(
  job: ReceiveJob,
  emit: (event: ClientEvent) => void,
): Promise<{ readonly job: ReceiveJob; readonly search: RelaySearch }> {
  const { RelaySearch } = await import("../discovery/relay-search.ts");
  const keys = keysFor(job, job.code);
  const { relay: local, ca, token, connectTimeoutMs } = job;
  const signer = signerOf(keys, primitives);
  const search = new RelaySearch({ channel: keys.channel, signer, local, token, ca, emit });
  const { promise, resolve, reject } = Promise.withResolvers<Place>();
  const { signal } = interrupted;
  const interrupt = (): void => reject(new FaultError("interrupted"));
  if (signal.aborted) interrupt();
  signal.addEventListener("abort", interrupt, { once: true });
  const isOver = (): void => {
    if (!search.hasAnswered) reject(new FaultError(search.lastFault));
  };
  const timer = connectTimeoutMs === undefined ? undefined : setTimeout(isOver, connectTimeoutMs);
  search.begin(resolve);
  try {
    return { job: { ...job, ...(await promise), further: undefined }, search };
  } catch (error) {
    search.close();
    throw error;
  } finally {
    clearTimeout(timer);
    signal.removeEventListener("abort", interrupt);
  }
}

async function receiving(
  given: ReceiveJob,
  emit: (event: ClientEvent) => void,
  end: (outcome: Outcome) => void,
): Promise<Receiving> {
  if (given.search !== true) return receivingAt(given, emit, end);
  return searching({ ...given, master: await master.promise }, emit, end);
}

/** The key of a code and an open connection take their time, and neither needs the other. */
async function receivingAt(
  job: ReceiveJob,
  emit: (event: ClientEvent) => void,
  end: (outcome: Outcome) => void,
): Promise<Receiving> {
  const link = new SessionLink(job);
  link.connectAhead();
  try {
    return new Receiving({ ...job, master: await master.promise }, emit, end, { link });
  } catch (error) {
    link.disconnect();
    throw error;
  }
}

async function searching(
  given: ReceiveJob,
  emit: (event: ClientEvent) => void,
  end: (outcome: Outcome) => void,
): Promise<Receiving> {
  // A folder that is no good is told now, and not after a search that may last.
  if (!given.stdout && makeDestination(given.out)) removeEmptyDestination(given.out);
  const { job, search } = await searched(given, emit);
  try {
    return new Receiving(job, emit, end, { search });
  } catch (error) {
    search.close();
    throw error;
  }
}

async function start(given: Job): Promise<SendEditions | Receiving | undefined> {
  const onlooker = new Onlooker(given, (event) => post({ t: "event", event }));
  onlooker.begin();
  const emit = (event: ClientEvent): void => onlooker.see(event);
  const end = (outcome: Outcome): void => post({ t: "ended", outcome: onlooker.end(outcome) });
  const { timeoutMs } = given;
  if (timeoutMs !== undefined) {
    setTimeout(() => {
      onlooker.late();
      interrupt();
    }, timeoutMs);
  }
  try {
    const job = await placed(given);
    if (job.kind === "receive") return await receiving(job, emit, end);
    const sends = new SendEditions(job, master.promise, emit, end);
    void sends.run();
    return sends;
  } catch (error) {
    if (!(error instanceof FaultError)) throw error;
    emit({ event: "error", code: error.code, message: error.message });
    end({ fault: error.code, exitCode: FAULTS[error.code].exitCode });
    return undefined;
  }
}

let running: SendEditions | Receiving | undefined;

// Messages wait while it loads.
await networkHere();

ownThread.listen((message) => {
  const data = message as ToThread;
  switch (data.t) {
    case "start":
      if (data.job.master !== undefined) master.resolve(data.job.master);
      // An error here, at once or later, is a mistake of ours, and ends the thread.
      void start(data.job).then((started) => {
        running = started;
        if (interrupted.signal.aborted) running?.interrupt();
      });
      return;
    case "master":
      master.resolve(data.master);
      return;
    case "answer":
      if (running instanceof Receiving) running.answer(data.share, data.answer);
      return;
    case "admit":
      if (running instanceof SendEditions) running.admit(data.receiver, data.admit);
      return;
    case "interrupt":
      interrupt();
      return;
  }
});

function interrupt(): void {
  interrupted.abort();
  running?.interrupt();
}
