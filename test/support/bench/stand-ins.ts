/**
 * Programs that answer to the names of peers which Debian does not have, and carry a file as these do:
 * the same command lines, the same words to wait for, the same end. So what the bench does with the real
 * ones runs in tests; the figures need the real ones.
 */
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { copyFile, readFile, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";

type Peer = "croc" | "sendme";

/** In front of PATH as long as they are not disposed of. */
export class StandIns implements Disposable {
  /** Of those that are not installed. */
  readonly names: readonly string[];
  readonly #folder = mkdtempSync(join(tmpdir(), "stand-ins-"));
  readonly #path = process.env["PATH"];

  constructor(peers: readonly Peer[]) {
    this.names = peers.filter((peer) => Bun.which(peer) === null);
    for (const name of this.names) {
      const program = join(this.#folder, name);
      const words = [process.execPath, import.meta.path, name].map((word) => `'${word}'`);
      writeFileSync(program, `#!/bin/sh\nexec ${words.join(" ")} "$@"\n`);
      chmodSync(program, 0o755);
    }
    process.env["PATH"] = `${this.#folder}:${this.#path}`;
  }

  [Symbol.dispose](): void {
    process.env["PATH"] = this.#path;
    rmSync(this.#folder, { recursive: true });
  }
}

/** The word behind `option` in a command line. */
function after(words: readonly string[], option: string): string {
  return words[words.indexOf(option) + 1] ?? "";
}

/** Ends with its sender's secret in a file of the folder that both have. */
async function croc(words: readonly string[]): Promise<void> {
  const { HOME = "", CROC_SECRET: secret = "" } = process.env;
  const [offered, taken] = [join(HOME, `${secret}.offered`), join(HOME, `${secret}.taken`)];
  if (words.includes("--version")) {
    console.log("croc version v0.0.0");
  } else if (words[0] === "relay") {
    const [port = ""] = after(words, "--ports").split(",");
    Bun.listen({ hostname: after(words, "--host"), port: Number(port), socket: { data() {} } });
  } else if (words.includes("send")) {
    await writeFile(offered, words.at(-1) ?? "");
    console.log(`Code is: ${secret}`);
    while (!(await Bun.file(taken).exists())) await Bun.sleep(5);
  } else {
    const file = await readFile(offered, "utf8");
    await copyFile(file, join(after(words, "--out"), basename(file)));
    await writeFile(taken, "");
  }
}

/** Its sender goes on until it is interrupted. */
async function sendme(words: readonly string[]): Promise<void> {
  const last = words.at(-1) ?? "";
  if (words.includes("--version")) {
    console.log("sendme 0.0.0");
  } else if (words[0] === "send") {
    console.log(`sendme receive ${Buffer.from(last).toString("hex")}`);
    process.on("SIGINT", () => process.exit(0));
    setInterval(() => undefined, 60_000);
  } else {
    const file = Buffer.from(last, "hex").toString();
    await copyFile(file, basename(file));
  }
}

if (import.meta.main) {
  const [name, ...words] = process.argv.slice(2);
  await (name === "croc" ? croc : sendme)(words);
}
