/**
 * A registry of packages for npm, of the packed package and all that it depends on. npm itself fetches those, once, from its
 * cache where they are. The registry describes one version of each, so the descriptions are shorter than real ones.
 */
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import * as v from "valibot";

import { npm, packPackage } from "../../support/package/installed.ts";
import type { Files } from "./internet.ts";

const words = v.optional(v.array(v.string()));
const packageSchema = v.looseObject({
  version: v.string(),
  integrity: v.optional(v.string()),
  os: words,
  cpu: words,
  libc: words,
});
const lockSchema = v.object({ packages: v.record(v.string(), v.unknown()) });

export interface NpmStandIn {
  readonly files: Files;
  /** Leads npm to it. */
  readonly env: Readonly<Record<string, string>>;
}

export async function npmStandIn(folder: string, host: string): Promise<NpmStandIn> {
  const tarball = await packPackage(folder);
  const app = join(folder, "app");
  const store = join(folder, "tarballs");
  for (const path of [app, store]) mkdirSync(path);
  writeFileSync(join(app, "package.json"), '{ "private": true }\n');
  await npm(app, "install", "--package-lock-only", tarball);
  const lock = v.parse(
    lockSchema,
    JSON.parse(readFileSync(join(app, "package-lock.json"), "utf8")),
  );
  const base = `http://${host}/npm`;
  const files: Record<string, { readonly path: string } | { readonly text: string }> = {};
  const versions = new Map<string, Record<string, unknown>>();
  const wanted = new Map<string, string>();
  for (const [at, entry] of Object.entries(lock.packages)) {
    if (at === "") continue;
    const name = at.split("node_modules/").at(-1) ?? at;
    const known = v.parse(packageSchema, entry);
    const { resolved: _, ...described } = known;
    const file = `${name.replaceAll("/", "-").replace("@", "")}-${known.version}.tgz`;
    const dist = { tarball: `${base}/-/${file}`, integrity: known.integrity };
    const all = versions.get(name) ?? {};
    versions.set(name, { ...all, [known.version]: { ...described, name, dist } });
    files[`${host}/npm/-/${file}`] = {
      path: name === "fileshare" ? tarball : join(store, file),
    };
    if (name !== "fileshare" && runsHere(known)) wanted.set(file, `${name}@${known.version}`);
  }
  for (const [name, all] of versions) {
    const latest = Object.keys(all).at(-1);
    const text = JSON.stringify({ name, "dist-tags": { latest }, versions: all });
    files[`${host}/npm/${name}`] = { text };
  }
  await npm(store, "pack", ...wanted.values());
  const here = new Set(readdirSync(store));
  const lost = [...wanted.keys()].filter((file) => !here.has(file));
  if (lost.length > 0) throw new Error(`npm packed no ${lost.join(", ")}`);
  // npm asks each time for a newer npm.
  return { files, env: { npm_config_registry: `${base}/`, npm_config_update_notifier: "false" } };
}

function runsHere({ os, cpu, libc }: v.InferOutput<typeof packageSchema>): boolean {
  const fits = (list: readonly string[] | undefined, own: string): boolean =>
    list === undefined || list.includes(own);
  return fits(os, "linux") && fits(cpu, process.arch) && fits(libc, "glibc");
}
