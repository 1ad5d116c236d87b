/**
 * Relays of one cluster over real NATS servers: in this process, each behind a proxy that counts the records which cross to
 * the others, or as processes of the `relay` command, to be killed and stopped.
 */
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { startRelay, type Relay, type RelayOptions } from "../../../relay/mod.ts";
import type { Report } from "../../../relay/worker/reports.ts";
import { RelayCommand } from "../clients/relay-command.ts";
import { temporaryFolder } from "../disk.ts";
import { startNats, type NatsServers } from "../net/nats.ts";
import { ownPort } from "../net/own-port.ts";
import { Proxy } from "../net/proxy.ts";
import { until } from "../until.ts";

const HOST = "127.0.0.1";
/** The file of it has no line break. */
const SECRET = "0123456789abcdef0123456789abcdef";

/** The relays, as clients are told of them. */
interface RelayList {
  readonly relay: string;
  readonly further: readonly string[];
}

/** A relay of this process. */
export interface Member extends AsyncDisposable {
  readonly relay: Relay;
  /** For clients. */
  readonly url: string;
  readonly http: string;
  /** The other relays read from this one through it. */
  readonly proxy: Proxy;
  readonly reports: Report[];
}

interface Wanted {
  /** Of each relay. */
  readonly workers?: readonly number[];
  readonly servers?: 1 | 3;
  readonly options?: Partial<RelayOptions>;
  /** Of one relay, by its number from 1 on. */
  readonly each?: (number: number) => MemberOptions;
}

interface MemberOptions extends Partial<RelayOptions> {
  readonly site?: string | undefined;
}

/** A cluster in this process. */
export class ClusterRelays implements AsyncDisposable {
  readonly nats: NatsServers;
  readonly members: Member[] = [];
  readonly #stack: AsyncDisposableStack;
  readonly #options: readonly MemberOptions[];

  private constructor(
    stack: AsyncDisposableStack,
    nats: NatsServers,
    options: readonly MemberOptions[],
  ) {
    this.#stack = stack;
    this.nats = nats;
    this.#options = options;
  }

  static async open({
    workers = [1, 1],
    servers,
    options = {},
    each = () => ({}),
  }: Wanted = {}): Promise<ClusterRelays> {
    await using stack = new AsyncDisposableStack();
    const nats = stack.use(await startNats({ ...(servers && { count: servers }) }));
    const own = workers.map((count, at) => ({ ...options, ...each(at + 1), workers: count }));
    const cluster = new ClusterRelays(stack.move(), nats, own);
    await using opening = new AsyncDisposableStack();
    opening.use(cluster);
    for (const number of own.keys()) await cluster.#start(number + 1);
    opening.move();
    return cluster;
  }

  /** Stops a relay, and starts it with the same store: with another id, and at another port. */
  async restart(number: number): Promise<void> {
    await this.at(number)[Symbol.asyncDispose]();
    await this.#start(number);
  }

  async #start(number: number): Promise<void> {
    const options = this.#options[number - 1] ?? {};
    this.members[number - 1] = this.#stack.use(await openMember(this.nats.urls, options));
  }

  /** By number, from 1 on. */
  at(number: number): Member {
    const member = this.members[number - 1];
    if (member === undefined) throw new RangeError(`no relay ${number}`);
    return member;
  }

  /** A client's list that begins at that relay. */
  from(number: number): RelayList {
    return listFrom(this.members, number);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#stack.disposeAsync();
  }
}

export async function openMember(
  servers: readonly string[],
  { site, ...options }: MemberOptions,
): Promise<Member> {
  await using stack = new AsyncDisposableStack();
  const port = await ownPort();
  const proxy = stack.use(await Proxy.start({ port }));
  const reports: Report[] = [];
  const { port: advertised } = new URL(proxy.url);
  const relay = stack.use(
    await startRelay({
      onReport: (report) => void reports.push(report),
      ...options,
      cluster: {
        servers,
        name: "main",
        secret: Buffer.from(SECRET),
        listen: { hostname: HOST, port },
        advertise: { hostname: HOST, port: Number(advertised) },
        site,
      },
    }),
  );
  const open = stack.move();
  const { url } = relay;
  return {
    relay,
    url: `${url}/ws`,
    http: url.replace(/^ws/, "http"),
    proxy,
    reports,
    [Symbol.asyncDispose]: () => open.disposeAsync(),
  };
}

/** A folder of its own for the store of each relay. */
export function storesIn(folder: string): (number: number) => Partial<RelayOptions> {
  return (number) => {
    const path = join(folder, `store-${number}`);
    mkdirSync(path, { mode: 0o700 });
    return { store: { kind: "disk", folder: path } };
  };
}

/** A cluster of processes. */
export class ClusterCommands implements AsyncDisposable {
  readonly nats: NatsServers;
  readonly relays: RelayCommand[];
  readonly #stack: AsyncDisposableStack;
  readonly #start: (number: number) => Promise<RelayCommand>;

  private constructor(
    stack: AsyncDisposableStack,
    nats: NatsServers,
    relays: RelayCommand[],
    start: (number: number) => Promise<RelayCommand>,
  ) {
    this.#stack = stack;
    this.nats = nats;
    this.relays = relays;
    this.#start = start;
  }

  static async open(
    count: number,
    options: readonly string[] = [],
    servers: 1 | 3 = 1,
    each: (number: number) => readonly string[] = () => [],
    env?: Readonly<Record<string, string>>,
  ): Promise<ClusterCommands> {
    await using stack = new AsyncDisposableStack();
    const nats = stack.use(await startNats({ count: servers }));
    const folder = stack.use(temporaryFolder());
    const secret = join(folder.path, "secret");
    writeFileSync(secret, SECRET, { mode: 0o600 });
    const words = ["--cluster", nats.urls.join(","), "--cluster-secret", secret, ...options];
    const startOne = (number: number): Promise<RelayCommand> =>
      startCommand([...words, ...each(number)], env);
    const starting = Array.from({ length: count }, (_, at) => startOne(at + 1));
    const relays = await Promise.all(starting);
    for (const relay of relays) stack.use(relay);
    return new ClusterCommands(stack.move(), nats, relays, startOne);
  }

  /** Starts one that has ended, with the same options at other ports. */
  async restart(number: number): Promise<void> {
    this.relays[number - 1] = this.#stack.use(await this.#start(number));
  }

  /** Another relay, or one again, as the last. */
  async more(): Promise<RelayCommand> {
    const relay = this.#stack.use(await this.#start(this.relays.length + 1));
    this.relays.push(relay);
    return relay;
  }

  /** By number, from 1 on. */
  at(number: number): RelayCommand {
    const relay = this.relays[number - 1];
    if (relay === undefined) throw new RangeError(`no relay ${number}`);
    return relay;
  }

  /** A client's list that begins at that relay. */
  from(number: number): RelayList {
    return listFrom(this.relays, number);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#stack.disposeAsync();
  }
}

async function startCommand(
  words: readonly string[],
  env: Readonly<Record<string, string>> | undefined,
): Promise<RelayCommand> {
  const listen = `${HOST}:${await ownPort()}`;
  return await RelayCommand.start(["--cluster-listen", listen, ...words], 0, undefined, env);
}

function listFrom(relays: readonly { readonly url: string }[], number: number): RelayList {
  const all = relays.map(({ url }) => url);
  const [relay = "", ...further] = [...all.slice(number - 1), ...all.slice(0, number - 1)];
  return { relay, further };
}

/** Stops a process as a machine that stands still. */
export async function stopped({ pid }: { readonly pid: number }): Promise<void> {
  process.kill(pid, "SIGSTOP");
  await until(() => /^\d+ \(.*\) T/.test(readFileSync(`/proc/${pid}/stat`, "utf8")));
}

/** A folder in another one, for a receiver. */
export function outFolder(parent: string): string {
  const path = join(parent, crypto.randomUUID());
  mkdirSync(path);
  return path;
}

/** The numbers of records, each once. */
export function eachOnce(records: number): number[] {
  return Array.from({ length: records }, (_, index) => index);
}

export function sorted(numbers: readonly number[]): number[] {
  return numbers.toSorted((a, b) => a - b);
}
