/** Clients of the product whose events can be waited for: in a thread of the test, or a process. */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as v from "valibot";
import { startClient, type Client } from "../../../cli/library/client.ts";
import { clientEvent, type ClientEvent } from "../../../cli/job/event-schema.ts";
import type { Answer, Job, Outcome, ReceiveJob, SendJob } from "../../../cli/job/jobs.ts";
import { type Code } from "../../../protocol/mod.ts";
import { knownCode, masterOf } from "./known-codes.ts";
import { lines } from "./processes.ts";
import { environment } from "./own-state.ts";

type EventName = ClientEvent["event"];
export type EventOf<Name extends EventName> = Extract<ClientEvent, { event: Name }>;

export function newCode(): Code {
  return knownCode();
}

type SendGiven = Pick<SendJob, "relay" | "code"> & Partial<SendJob> & { readonly path?: string };

/** A send of the file at `path`, or of what is said, to one receiver, unless told otherwise. */
export function sendJob({ path = "", ...job }: SendGiven): SendJob {
  const what = { from: "paths", paths: [path] } as const;
  return {
    kind: "send",
    master: masterOf(job.code),
    what,
    receivers: 1,
    stay: false,
    connectTimeoutMs: undefined,
    ...job,
  };
}

/** A receive with a code that takes what is offered, unless told otherwise. */
export function receiveJob(
  job: Pick<ReceiveJob, "relay" | "code" | "out"> & Partial<ReceiveJob>,
): ReceiveJob {
  return {
    kind: "receive",
    master: masterOf(job.code),
    name: "a receiver",
    lobby: false,
    prefix: "",
    ask: false,
    allNames: true,
    hidden: false,
    onExists: undefined,
    checksum: false,
    checksumFile: false,
    stdout: false,
    again: undefined,
    limit: undefined,
    connectTimeoutMs: undefined,
    ...job,
  };
}

/** A client at work. Disposing ends it, whatever it was doing. */
export class Running implements AsyncDisposable {
  readonly seen: ClientEvent[] = [];
  readonly outcome: Promise<Outcome>;
  readonly #client: Client;
  readonly #waiting = new Set<() => void>();
  #ended = false;

  constructor(client: Client) {
    this.#client = client;
    this.outcome = this.#read();
  }

  /**
   * The first event of that name that passes the test, past or to come.
   * @throws Error when the client ends without it
   */
  async when<Name extends EventName>(
    name: Name,
    passes: (event: EventOf<Name>) => boolean = () => true,
  ): Promise<EventOf<Name>> {
    for (let at = 0; ; at++) {
      while (at >= this.seen.length) {
        if (this.#ended) throw new Error(`ended without ${name}: ${JSON.stringify(this.seen)}`);
        await new Promise<void>((resolve) => this.#waiting.add(resolve));
      }
      const event = this.seen[at]!;
      if (isNamed(event, name) && passes(event)) return event;
    }
  }

  all<Name extends EventName>(name: Name): EventOf<Name>[] {
    return this.seen.filter((event) => isNamed(event, name));
  }

  answer(answer: Answer): void {
    const asked = this.all("offer").at(-1);
    if (asked !== undefined) this.#client.answer(asked.share, answer);
  }

  /** Answers about a receiver. */
  admit({ id }: { readonly id: string }, admit: boolean): void {
    this.#client.admit(id, admit);
  }

  interrupt(): void {
    this.#client.interrupt();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#client.interrupt();
    await this.outcome;
  }

  async #read(): Promise<Outcome> {
    for await (const event of this.#client) {
      this.seen.push(v.parse(clientEvent, event));
      this.#wake();
    }
    this.#ended = true;
    this.#wake();
    return this.#client.outcome;
  }

  #wake(): void {
    for (const wake of this.#waiting) wake();
    this.#waiting.clear();
  }
}

export function send(job: Parameters<typeof sendJob>[0]): Running {
  return new Running(startClient(sendJob(job)));
}

/** @param person who runs it: somebody new, unless it is said; one person counts once to a sender */
export function receive(job: Parameters<typeof receiveJob>[0], person?: string): Running {
  return asPerson(person, () => new Running(startClient(receiveJob(job))));
}

/** Gives each person a state folder of its own. */
function asPerson<T>(person: string = crypto.randomUUID(), start: () => T): T {
  const place = process.env["XDG_STATE_HOME"] ?? tmpdir();
  using _ = environment({ XDG_STATE_HOME: join(place, `of ${person}`) });
  return start();
}

/** A client in a process of its own, to be killed; its outcome is that of a failure then. */
export class ClientProcess extends Running {
  readonly #process: Bun.Subprocess<"ignore", "pipe", "inherit">;

  /** @param person undefined: the one that this process is of */
  constructor(job: Job, person?: string) {
    const start = () =>
      Bun.spawn(
        [process.execPath, join(import.meta.dir, "client-child.ts"), JSON.stringify(job)],
        // Said, or it would be the environment that this process began with.
        { env: process.env, stdin: "ignore", stdout: "pipe", stderr: "inherit" },
      );
    const child = person === undefined ? start() : asPerson(person, start);
    super(clientOf(child));
    this.#process = child;
  }

  /** Makes a change of several steps, of which the process sees none before the last. */
  async whileStopped(change: () => void): Promise<void> {
    this.#process.kill("SIGSTOP");
    while (!isStopped(this.#process.pid)) await Bun.sleep(1);
    try {
      change();
    } finally {
      this.#process.kill("SIGCONT");
    }
  }

  /** kill -9, and waits until it is gone. */
  async kill(): Promise<void> {
    this.#process.kill("SIGKILL");
    await this.#process.exited;
  }
}

export class ReceiverProcess extends ClientProcess {
  constructor(job: Parameters<typeof receiveJob>[0], person?: string) {
    super(receiveJob(job), person ?? crypto.randomUUID());
  }
}

export class SenderProcess extends ClientProcess {
  constructor(job: Parameters<typeof sendJob>[0]) {
    super(sendJob(job));
  }
}

function clientOf(child: Bun.Subprocess<"ignore", "pipe", "inherit">): Client {
  return {
    answer: () => undefined,
    admit: () => undefined,
    interrupt: () => child.kill("SIGKILL"),
    outcome: child.exited.then((exitCode) => ({ fault: undefined, exitCode })),
    [Symbol.asyncIterator]: () => lines<ClientEvent>(child.stdout),
  };
}

/** Whether all threads of a process stopped; where there is no /proc, the signal has to do. */
function isStopped(pid: number): boolean {
  const tasks = `/proc/${pid}/task`;
  if (!existsSync(tasks)) return true;
  return readdirSync(tasks).every((task) =>
    /^State:\s+T/m.test(readFileSync(join(tasks, task, "status"), "utf8")),
  );
}

function isNamed<Name extends EventName>(event: ClientEvent, name: Name): event is EventOf<Name> {
  return event.event === name;
}
