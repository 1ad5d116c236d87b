/** The text of a SHA256SUMS, as `sha256sum -c` of GNU reads it: a line for each file, with its SHA-256 and its path. */

/** A file of a list. */
export interface Checksum {
  /** From the folder of the list, "/" between the names. */
  readonly path: string;
  /** SHA-256 in hex. */
  readonly sum: string;
}

/** A backslash before the sum says that the path is escaped; a star before the path, that the file was read as binary. */
const PLAIN = /^(\\?)[0-9a-f]{64} [ *]([^\r]+)$/i;
/** The form of BSD, which `sha256sum --tag` writes. */
const TAGGED = /^(\\?)SHA256 \(([^\r]+)\) = [0-9a-f]{64}$/i;
const COMMENT = /^#[^\r]*$/;

const ESCAPES = { "\\": "\\\\", "\n": "\\n", "\r": "\\r" } as const;

export function checksumLine({ path, sum }: Checksum): string {
  // As GNU reads it, a dash alone would be the standard input.
  const named = path === "-" ? "./-" : path;
  const escaped = named.replaceAll(/[\\\n\r]/g, (char) => ESCAPES[char as keyof typeof ESCAPES]);
  return `${escaped === named ? "" : "\\"}${sum}  ${escaped}`;
}

/**
 * A list with these files in it: the lines of the same paths are replaced, and all others stay.
 * @param text of a list that is there
 * @returns undefined when the text is no such list, or has anything besides, such as a signature
 */
export function withChecksums(text: string, checksums: readonly Checksum[]): string | undefined {
  const fresh = new Map(checksums.map((one) => [one.path, checksumLine(one)]));
  const used = new Set<string>();
  const lines: string[] = [];
  for (const line of text.replace(/\n$/, "").split("\n")) {
    if (line === "" || COMMENT.test(line)) {
      if (text !== "") lines.push(line);
      continue;
    }
    const path = pathOf(line);
    if (path === undefined) return undefined;
    const now = fresh.get(path);
    if (now === undefined) lines.push(line);
    else if (!used.has(path)) lines.push(now);
    used.add(path);
  }
  for (const [path, line] of fresh) if (!used.has(path)) lines.push(line);
  return lines.map((line) => `${line}\n`).join("");
}

/** The path that a line is about; undefined for what is no line of a list. */
function pathOf(line: string): string | undefined {
  const [, escaped, path] = PLAIN.exec(line) ?? TAGGED.exec(line) ?? [];
  if (path === undefined) return undefined;
  const named = escaped === "" ? path : unescaped(path);
  return named?.replace(/^(?:\.\/)+(?=.)/, "");
}

/** Undefined for an escape that GNU does not know. */
function unescaped(path: string): string | undefined {
  if (!/^(?:[^\\]|\\[\\nr])+$/.test(path)) return undefined;
  return path.replaceAll(/\\([\\nr])/g, (_, char: string) => {
    return char === "n" ? "\n" : char === "r" ? "\r" : "\\";
  });
}
