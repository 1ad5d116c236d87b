/** The machines that `bun run build` makes a binary for. Names of files are made here alone. */
import { ScriptUsageError } from "../command-line.ts";

export interface Target {
  /** The operating system and the architecture, as in the name of the file; `-musl` for Alpine and its kin. */
  readonly name: string;
  /** As Bun names it. */
  readonly bun: Bun.Build.CompileTarget;
}

export const TARGETS = [
  { name: "linux-x64", bun: "bun-linux-x64" },
  { name: "linux-arm64", bun: "bun-linux-arm64" },
  { name: "linux-x64-musl", bun: "bun-linux-x64-musl" },
  { name: "linux-arm64-musl", bun: "bun-linux-arm64-musl" },
  { name: "macos-x64", bun: "bun-darwin-x64" },
  { name: "macos-arm64", bun: "bun-darwin-arm64" },
  { name: "windows-x64", bun: "bun-windows-x64" },
] as const satisfies readonly Target[];

export type TargetName = (typeof TARGETS)[number]["name"];

/** The name of a binary in `dist/`. */
export function fileNameOf(target: TargetName): string {
  return `fileshare-${target}${target.startsWith("windows-") ? ".exe" : ""}`;
}

/** @throws ScriptUsageError that names the targets */
export function targetsNamed(names: readonly string[]): readonly (typeof TARGETS)[number][] {
  const unknown = names.filter((name) => TARGETS.every((target) => target.name !== name));
  if (unknown.length > 0) {
    const known = TARGETS.map(({ name }) => name).join(", ");
    throw new ScriptUsageError(`--only takes ${known}; not "${unknown.join('", "')}".`);
  }
  return names.length === 0 ? TARGETS : TARGETS.filter(({ name }) => names.includes(name));
}
