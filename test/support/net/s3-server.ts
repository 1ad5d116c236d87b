/** S3 as tests have it: s3rver, in a process and a folder of its own. */
import { readdirSync } from "node:fs";
import { join } from "node:path";

import type { S3Place } from "../../../relay/store/s3-bucket.ts";
import { temporaryFolder } from "../disk.ts";

const SCRIPT = join(import.meta.dir, "../../../node_modules/s3rver/bin/s3rver.js");
/** s3rver makes the names of further pages with DES. */
const NODE_FLAGS = [
  "--openssl-legacy-provider",
  "--require",
  join(import.meta.dir, "s3-folders.cjs"),
];
export const S3_BUCKET = "shares";
/** The one key that s3rver knows. */
export const S3_KEY = "S3RVER";

export interface S3Server extends AsyncDisposable {
  readonly url: string;
  /** For a relay command, with `--store s3://${S3_BUCKET}/...`. */
  readonly env: Readonly<Record<string, string>>;
  /** Of an own part of the bucket. */
  place(prefix: string, endpoint?: string): S3Place;
  /** Keys below a prefix, sorted, from the disk of the server. */
  keys(prefix: string): string[];
}

export async function startS3(): Promise<S3Server> {
  const folder = temporaryFolder();
  const words = ["-d", folder.path, "-a", "127.0.0.1", "-p", "0", "--silent"];
  const process = Bun.spawn(
    [Bun.which("node") ?? "node", ...NODE_FLAGS, SCRIPT, ...words, "--configure-bucket", S3_BUCKET],
    { stdin: "ignore", stdout: "pipe", stderr: "inherit" },
  );
  const url = `http://127.0.0.1:${await portIn(process.stdout)}`;
  return {
    url,
    env: {
      S3_ENDPOINT: url,
      S3_REGION: "us-east-1",
      S3_ACCESS_KEY_ID: S3_KEY,
      S3_SECRET_ACCESS_KEY: S3_KEY,
    },
    place: (prefix, endpoint = url) => ({
      kind: "s3",
      bucket: S3_BUCKET,
      prefix,
      endpoint,
      region: "us-east-1",
      accessKeyId: S3_KEY,
      secretAccessKey: S3_KEY,
      sessionToken: undefined,
    }),
    keys: (prefix) => keysIn(join(folder.path, S3_BUCKET), prefix),
    async [Symbol.asyncDispose]() {
      process.kill();
      await process.exited;
      folder[Symbol.dispose]();
    },
  };
}

async function portIn(stdout: ReadableStream<Uint8Array>): Promise<string> {
  let text = "";
  for await (const bytes of stdout) {
    text += new TextDecoder().decode(bytes);
    const port = /listening on \S+:(\d+)/.exec(text)?.[1];
    if (port !== undefined) return port;
  }
  throw new Error(`s3rver ended: ${text}`);
}

/** s3rver keeps three files of each object. */
function keysIn(folder: string, prefix: string): string[] {
  const ending = "._S3rver_object";
  return readdirSync(folder, { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(ending))
    .map((name) => name.slice(0, -ending.length))
    .filter((key) => key.startsWith(prefix))
    .toSorted();
}
