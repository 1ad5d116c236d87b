/** `dist/LICENSES.txt`: the licence of fileshare, of each package in a binary, and of Bun with its parts. */
import { readFileSync } from "node:fs";
import { join } from "node:path";

import { ROOT } from "./binary.ts";
import type { Package } from "./inventory.ts";

/** Bun's own account of what it links, from the package with its types, which has its version. */
export const BUN_LICENCE = "node_modules/bun-types/docs/project/license.mdx";

/** Whole texts of licences that Bun's account names. */
const TEXTS = ["LGPL-2.0", "LGPL-2.1", "Apache-2.0"] as const;

const MIT = `Permission is hereby granted, free of charge, to any person obtaining a copy of this software and associated
documentation files (the "Software"), to deal in the Software without restriction, including without limitation the
rights to use, copy, modify, merge, publish, distribute, sublicense, and/or sell copies of the Software, and to permit
persons to whom the Software is furnished to do so, subject to the following conditions:

The above copyright notice and this permission notice shall be included in all copies or substantial portions of the
Software.

THE SOFTWARE IS PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR IMPLIED, INCLUDING BUT NOT LIMITED TO THE
WARRANTIES OF MERCHANTABILITY, FITNESS FOR A PARTICULAR PURPOSE AND NONINFRINGEMENT. IN NO EVENT SHALL THE AUTHORS OR
COPYRIGHT HOLDERS BE LIABLE FOR ANY CLAIM, DAMAGES OR OTHER LIABILITY, WHETHER IN AN ACTION OF CONTRACT, TORT OR
OTHERWISE, ARISING FROM, OUT OF OR IN CONNECTION WITH THE SOFTWARE OR THE USE OR OTHER DEALINGS IN THE SOFTWARE.`;

const RULE = "=".repeat(100);

export function licencesText(packages: readonly Package[]): string {
  const bun = readFileSync(join(ROOT, BUN_LICENCE), "utf8");
  const sections = [
    ["fileshare", readFileSync(join(ROOT, "LICENSE"), "utf8")],
    ...packages.map(({ name, version, licence, texts }) => [
      `${name} ${version} (${licence})`,
      texts.map(({ file, text }) => `[${file}]\n\n${text.trim()}`).join("\n\n"),
    ]),
    [
      `Bun ${Bun.version}`,
      `Each binary contains Bun. This is its own account of its licence and of the libraries that it links:\n\n${bun.replace(/^---\n.*?\n---\n/s, "").trim()}`,
    ],
    ["MIT licence, of Bun and of the libraries that Bun's account names with it", MIT],
    ...TEXTS.map((name) => [
      `${name}, of the libraries that Bun's account names with it`,
      readFileSync(join(import.meta.dir, "licences", `${name}.txt`), "utf8"),
    ]),
  ];
  const head =
    "A binary of fileshare contains the software below, each part with its licence.\n" +
    "fileshare.spdx.json has the same list for programs.\n";
  return [
    head,
    ...sections.map(([title, text = ""]) => `${RULE}\n${title}\n${RULE}\n\n${text.trim()}\n`),
  ].join("\n");
}
