/** What about a file should make a person look twice before taking it. */
import { isHiddenName } from "./names.ts";
import { OWNER_EXECUTE, type ManifestFile } from "./manifest.ts";

/**
 * `hidden`: a leading dot, which file managers do not show and programs read by themselves;
 * `autorun`: systems act upon it when they come across it;
 * `executable`: it runs when it is opened, by its mode or its kind.
 */
export const DANGERS = ["hidden", "autorun", "executable"] as const;
export type Danger = (typeof DANGERS)[number];

/** Names that systems act upon by themselves. */
const AUTORUN = /(?:^|\/)(?:autorun\.inf|desktop\.ini|[^/]+\.(?:desktop|lnk|url|scf|library-ms))$/i;
/** What the common systems run when somebody opens it. */
const EXECUTABLE =
  /\.(?:exe|com|bat|cmd|scr|pif|msi|msix|ps1|vbs|vbe|jse|wsf|wsh|hta|cpl|jar|reg|app|command|terminal|workflow|pkg|dmg|deb|rpm|appimage|run|sh|bash|zsh|fish)$/i;

/** @param prefix is put before the path here */
export function dangersOf({ path: given, type, mode }: ManifestFile, prefix = ""): Danger[] {
  const path = prefix + given;
  const dangers: Danger[] = [];
  const autorun = AUTORUN.test(path);
  if (autorun) dangers.push("autorun");
  else if (isHiddenName(path)) dangers.push("hidden");
  const runs = (mode & OWNER_EXECUTE) !== 0 || EXECUTABLE.test(path);
  if (type === "file" && runs) dangers.push("executable");
  return dangers;
}

/** Whether it needs a yes of its own, also where nothing else is asked. */
export function needsConsent(dangers: readonly Danger[]): boolean {
  return dangers.includes("hidden") || dangers.includes("autorun");
}
