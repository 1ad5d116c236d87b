/** Properties of a file that a person should see before taking it. */
import { isHiddenName } from "./names.ts";
import type { ManifestFile } from "./manifest.ts";

/**
 * `hidden`: a leading dot, which file managers do not show and programs read by themselves;
 * `autorun`: systems act upon it when they come across it;
 * `executable`: it runs when it is opened, by its mode or its kind.
 */
export const DANGERS = ["hidden", "autorun", "executable"] as const;
export type Danger = (typeof DANGERS)[number];

/** Names that systems act upon by themselves. */
const AUTORUN = /(?:^|\/)(?:autorun\.inf|desktop\.ini|[^/]+\.(?:desktop|lnk|url|scf|library-ms))$/i;
/** Common systems run such a file when it is opened. */
const EXECUTABLE =
  /\.(?:exe|com|bat|cmd|scr|pif|msi|msix|ps1|vbs|vbe|jse|wsf|wsh|hta|cpl|jar|reg|app|command|terminal|workflow|pkg|dmg|deb|rpm|appimage|run|sh|bash|zsh|fish)$/i;

/** Part of every hidden name. Most names lack it and need no closer look. */
const MAYBE_HIDDEN = /(?:^|\/)\.|[^ -~]/;
/** x of owner, group or others. */
const ANY_EXECUTE = 0o111;
const NONE: readonly Danger[] = [];

/** @param prefix is put before the path here */
export function dangersOf(file: ManifestFile, prefix = ""): readonly Danger[] {
  const path = prefix === "" ? file.path : prefix + file.path;
  const autorun = AUTORUN.test(path);
  const hidden = !autorun && MAYBE_HIDDEN.test(path) && isHiddenName(path);
  const runs = (file.mode & ANY_EXECUTE) !== 0 || EXECUTABLE.test(path);
  const executable = file.type === "file" && runs;
  if (!autorun && !hidden && !executable) return NONE;
  const dangers: Danger[] = [];
  if (autorun) dangers.push("autorun");
  if (hidden) dangers.push("hidden");
  if (executable) dangers.push("executable");
  return dangers;
}

/** Kinds of files that a person agreed to beforehand. */
export interface Consent {
  /** Also those that systems act upon. */
  readonly hidden: boolean;
  readonly executables: boolean;
}

/** Whether it needs a yes of its own, also where nothing else is asked. */
export function needsConsent(dangers: readonly Danger[], given: Consent): boolean {
  return dangers.some((danger) => !(danger === "executable" ? given.executables : given.hidden));
}
