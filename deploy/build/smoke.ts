/**
 * `bun run smoke BINARY`: starts a binary on the system that it is for. A relay, a sender and a receiver pass a file; the
 * relay serves the page and the admin page; the command prints its version, its help and a completion. The workflow of
 * releases runs this on each system. Where no Bun is, the binary is one: `BUN_BE_BUN=1 BINARY deploy/build/smoke.ts BINARY`.
 */
import { chmod, mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";

/** Larger than a few records of the greatest size. bytes */
const FILE_BYTES = 3 * 1024 * 1024 + 1;
/** A start, or a transfer on one machine, takes seconds at most. ms */
const STEP_MS = 60_000;

/** How a binary is started, and where it keeps what it makes. */
export interface Stage {
  /** The first words of each command. */
  readonly words: readonly string[];
  /** An empty folder, and its path as the binary sees it. */
  readonly folder: string;
  readonly seenAs: string;
}

interface Event {
  readonly event: string;
  readonly url?: string;
  readonly code?: string;
  readonly message?: string;
}

/** @throws Error that names the step which failed */
export async function smoke({ words, folder, seenAs }: Stage): Promise<void> {
  const env = environment(seenAs);
  const children: Bun.Subprocess<"ignore", "pipe", "inherit">[] = [];
  const start = (...more: readonly string[]) => {
    const options = { env, stdin: "ignore", stdout: "pipe", stderr: "inherit" } as const;
    const child = Bun.spawn([...words, ...more], options);
    children.push(child);
    return child;
  };
  const said = async (...more: readonly string[]): Promise<string> => {
    const child = start(...more);
    const text = await within(child.stdout.text(), more.join(" "));
    if ((await child.exited) !== 0)
      throw new Error(`${more.join(" ")} ended with ${child.exitCode}`);
    return text;
  };
  contains(await said("--version"), / \(\S+, \S+\)\s*$/, "the version");
  contains(await said("--help"), /fileshare send/, "the help");
  contains(await said("completion", "bash"), /complete -F _fileshare/, "the completion");

  const relay = start("relay", "--host", "127.0.0.1", "--port", "0", "--json");
  try {
    const { url = "" } = await within(event(relay.stdout, "listening"), "the relay's start");
    const origin = url.replace(/^ws/, "http");
    const page = await fetch(`${origin}/`, { headers: { accept: "text/html" } });
    contains(await page.text(), /page\/app-[0-9a-f]+\.js/, "the page");
    const link = /http:\/\/\S+?(?=\/?#)/.exec(await said("relay", "status", "--page"))?.[0] ?? "";
    const admin = await fetch(link);
    if (admin.status !== 200) throw new Error(`The admin page answers ${admin.status}.`);
    contains(await admin.text(), /<canvas id="throughput"/, "the admin page");

    const bytes = crypto.getRandomValues(new Uint8Array(64 * 1024));
    const content = Buffer.concat(Array(Math.ceil(FILE_BYTES / bytes.length)).fill(bytes)).subarray(
      0,
      FILE_BYTES,
    );
    await writeFile(join(folder, "sent.bin"), content);
    await mkdir(join(folder, "out"));
    const sender = start(
      "send",
      `${seenAs}/sent.bin`,
      "--relay",
      url,
      "--receivers",
      "1",
      "--json",
    );
    const { code = "" } = await within(event(sender.stdout, "code"), "the code");
    await said("recv", code, "--relay", url, "--out", `${seenAs}/out`, "--yes", "--json");
    if ((await within(sender.exited, "the sender's end")) !== 0) {
      throw new Error(`The sender ended with ${sender.exitCode}.`);
    }
    if (!content.equals(await readFile(join(folder, "out/sent.bin")))) {
      throw new Error("The received file differs from the sent one.");
    }
  } finally {
    for (const child of children) child.kill();
    await Promise.all(children.map(({ exited }) => exited));
  }
}

/** The environment of a person with nothing configured, whose state is in the folder. */
function environment(folder: string): Record<string, string> {
  const kept = Object.entries(process.env).filter(
    ([name, value]) => value !== undefined && !/^(?:FILESHARE_|BUN_)|_proxy$/i.test(name),
  );
  const folders = { HOME: folder, XDG_STATE_HOME: folder, XDG_RUNTIME_DIR: folder, TMPDIR: folder };
  return {
    ...(Object.fromEntries(kept) as Record<string, string>),
    ...(process.platform !== "win32" && folders),
    FILESHARE_CONFIG: "",
  };
}

/** The first event of that name. @throws Error with the message of an `error`, or when the command ends before */
async function event(stream: ReadableStream<Uint8Array>, name: string): Promise<Event> {
  const reader = stream.getReader();
  const decoder = new TextDecoder();
  let text = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) throw new Error(`The command ended without "${name}".`);
    const lines = (text + decoder.decode(value, { stream: true })).split("\n");
    text = lines.pop() ?? "";
    for (const line of lines) {
      const told = JSON.parse(line) as Event;
      if (told.event === "error") throw new Error(told.message);
      if (told.event !== name) continue;
      void drain(() => reader.read());
      return told;
    }
  }
}

/** A pipe that nobody reads would hold up the command. */
async function drain(read: () => Promise<{ readonly done: boolean }>): Promise<void> {
  while (!(await read()).done);
}

async function within<T>(work: Promise<T>, step: string): Promise<T> {
  const { promise, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(
    () => reject(new Error(`${step} took more than ${STEP_MS} ms.`)),
    STEP_MS,
  );
  return Promise.race([work, promise]).finally(() => clearTimeout(timer));
}

function contains(text: string, part: RegExp, step: string): void {
  if (!part.test(text))
    throw new Error(`${step} is not there: ${JSON.stringify(text.slice(0, 500))}`);
}

if (import.meta.main) {
  const binary = process.argv[2];
  if (binary === undefined)
    throw new Error("Name the binary: bun run smoke dist/fileshare-linux-x64");
  // An archive of files that a workflow hands on has no modes.
  await chmod(binary, 0o755);
  const folder = await mkdtemp(join(tmpdir(), "fileshare-smoke-"));
  try {
    await smoke({ words: [resolve(binary)], folder, seenAs: folder });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
  console.log(`${binary} sends, receives, relays, and serves both pages.`);
}
