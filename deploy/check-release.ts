/**
 * Before a release: the tag in the first word, package.json and CHANGELOG.md name one version.
 * The workflow of releases calls it, so that a package never goes out under another number than its tag.
 */
import manifest from "../package.json" with { type: "json" };

/** @returns one sentence for each disagreement */
export function disagreements(tag: string, version: string, changelog: string): string[] {
  const found: string[] = [];
  if (tag !== `v${version}`) found.push(`The tag is ${tag}, and package.json says ${version}.`);
  const heading = new RegExp(
    `^## \\[${version.replaceAll(".", "\\.")}\\] - \\d{4}-\\d\\d-\\d\\d$`,
    "m",
  );
  if (!heading.test(changelog)) {
    found.push(`CHANGELOG.md has no line "## [${version}] - YYYY-MM-DD".`);
  }
  return found;
}

if (import.meta.main) {
  const changelog = await Bun.file(`${import.meta.dir}/../CHANGELOG.md`).text();
  const found = disagreements(process.argv[2] ?? "none", manifest.version, changelog);
  for (const sentence of found) console.error(sentence);
  process.exit(found.length === 0 ? 0 : 1);
}
