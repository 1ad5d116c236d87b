/** The documents of the repository: what each test of their content reads. */
import { join } from "node:path";

export const ROOT = join(import.meta.dir, "../..");

/** Paths of all Markdown files that a person wrote, from the root. */
export function documents(): string[] {
  return [...new Bun.Glob("**/*.md").scanSync(ROOT)]
    .filter((path) => !path.includes("node_modules/"))
    .toSorted();
}

export function read(document: string): Promise<string> {
  return Bun.file(join(ROOT, document)).text();
}

/** The lines of the `sh` blocks of a document, without comments. */
export function commandLines(text: string): string[] {
  return [...text.matchAll(/^```sh\n([^]*?)^```$/gm)]
    .flatMap(([, block = ""]) => block.split("\n"))
    .filter((line) => line !== "" && !line.startsWith("#"));
}

/** Documents whose command lines depend on each other, and the test that runs them all. */
export const RUN_TOGETHER: Readonly<Record<string, string>> = {
  "docs/tutorial/first-transfer.md": "test/e2e/docs/guides.test.ts",
  "docs/how-to/send-to-a-class.md": "test/e2e/docs/guides.test.ts",
  "docs/how-to/fill-a-lab.md": "test/e2e/docs/guides.test.ts",
  "docs/how-to/resume-a-transfer.md": "test/e2e/docs/guides.test.ts",
  "docs/how-to/share-for-a-week.md": "test/e2e/docs/guides.test.ts",
  "docs/how-to/store-shares.md": "test/e2e/docs/guides.test.ts",
  "docs/how-to/use-in-scripts.md": "test/e2e/docs/guides.test.ts",
  "docs/how-to/run-a-cluster.md": "test/e2e/docs/guides.test.ts",
  "docs/how-to/install.md": "test/e2e/deploy/install-guide.test.ts",
  "docs/how-to/use-other-clients.md": "test/e2e/lobby/document.test.ts",
};
