/** The binary that tests of binaries start: the one of FILESHARE_BINARY, else one that is built for this run of a file. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { fileNameOf, type TargetName } from "../../deploy/build/targets.ts";
import { BINARY } from "./clients/command-words.ts";
import { ROOT } from "./documents.ts";

export interface Built extends Disposable {
  readonly path: string;
}

/** The target of this machine, which has the C library of GNU. */
export const TARGET_HERE: TargetName = process.arch === "arm64" ? "linux-arm64" : "linux-x64";

/** Builds into a folder. @throws Error with what the build said */
export function buildInto(folder: string, target: TargetName, ...options: readonly string[]): void {
  const only = ["--only", target, ...options];
  const build = [process.execPath, "deploy/build/main.ts", "--out", folder, ...only];
  const { exitCode, stderr } = Bun.spawnSync(build, {
    cwd: ROOT,
    env: { ...process.env, BUN_OPTIONS: "" },
  });
  if (exitCode !== 0)
    throw new Error(`${build.join(" ")} ended with ${exitCode}: ${stderr.toString()}`);
}

/** The binary, the same compressed, and their checksums, as `bun run build --gzip` leaves them. */
export async function releaseInto(folder: string): Promise<void> {
  if (BINARY === undefined) return buildInto(folder, TARGET_HERE, "--gzip");
  const name = fileNameOf(TARGET_HERE);
  const binary = await Bun.file(BINARY).bytes();
  // The bytes are downloaded on this machine alone, so the least work is the best.
  const gzip = Bun.gzipSync(binary, { library: "libdeflate", level: 1 });
  const sums: string[] = [];
  for (const [file, bytes] of [
    [name, binary],
    [`${name}.gz`, gzip],
  ] as const) {
    await Bun.write(join(folder, file), bytes);
    sums.push(`${new Bun.CryptoHasher("sha256").update(bytes).digest("hex")}  ${file}\n`);
  }
  await Bun.write(join(folder, "SHA256SUMS"), sums.join(""));
}

export function builtBinary(): Built {
  if (BINARY !== undefined) return { path: BINARY, [Symbol.dispose]: () => undefined };
  const folder = mkdtempSync(join(tmpdir(), "fileshare-binary-"));
  buildInto(folder, TARGET_HERE);
  return {
    path: join(folder, fileNameOf(TARGET_HERE)),
    [Symbol.dispose]: () => rmSync(folder, { recursive: true, force: true }),
  };
}
