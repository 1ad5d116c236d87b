/**
 * What people hand over when they are asked for a code: the code alone, in quotes, across lines, the
 * whole command that the sender's screen shows, its web link, a line of a chat. A text has several
 * readings, the most telling first; `readCode` takes the first one that is a code.
 */

/** A text that may be a code, and the relay that stands beside it. */
export interface CodeReading {
  readonly text: string;
  readonly relay: string | undefined;
}

/** Options of `recv` and `key` that take a value; the code is none of these. */
export const VALUE_OPTIONS: ReadonlySet<string> = new Set([
  "ca",
  "connect-timeout",
  "limit",
  "name",
  "out",
  "prefix",
  "relay",
  "share",
  "timeout",
  "token",
]);

/** Colours and marks of a terminal, such as those around what was pasted. */
// oxlint-disable-next-line no-control-regex -- they are what is looked for
const TERMINAL = /\u001b\[[0-9;?]*[ -/]*[@-~]/g;
/** Zero-width spaces and joiners, soft hyphens, byte order marks, marks of direction. */
const INVISIBLE = /[\p{Default_Ignorable_Code_Point}\p{Cf}]/gu;
const DASHES = /[\p{Pd}\u2212\u2043]/gu;
const QUOTES = "\\p{Pi}\\p{Pf}\u201a\u201e\u301d-\u301f\u300c-\u300f\"'`´*_~<>(){},;";
const QUOTED = new RegExp(`^[${QUOTES}]+|[${QUOTES}.]+$`, "gu");

const LINK = /\b((?:https?|wss?):\/\/[^\s#]+)#(\S+)/iu;
const PROGRAM = /(?:^|[/\\])fileshare(?:@[\w.-]+)?(?:\.(?:exe|cmd|ps1))?$/i;
/** Commands whose words are a code; of all others only an option or a variable is one. */
const TAKES_CODE = /^(?:recv|receive|rx|key)$/i;
/** In front of a code without the program's name; no word of the list. */
const ALONE = /^(?:recv|rx)$/i;
/** A word processor makes one dash of two. */
const OPTION = /^--?([a-z][a-z-]*)(?:=(.*))?$/i;
const VARIABLE = /^(?:\$env:)?FILESHARE_(CODE|RELAY)=(.*)$/i;
/** Where a shell's command ends. */
const OPERATOR = /^(?:\|\|?|&&?|;|#|\d?>>?\S*)$/;

/** All that a text may mean, the most telling first.  */
export function codeReadings(input: string): CodeReading[] {
  const readings: CodeReading[] = [];
  // A soft hyphen or a zero-width space may also be all that stands between two words.
  const texts = new Set([visible(input, ""), visible(input, " ")]);
  for (const text of texts) readings.push(...readingsOf(text));
  for (const text of texts) {
    const lines = text.split("\n").filter((line) => line.trim() !== "");
    if (lines.length > 1) for (const line of lines) readings.push(...readingsOf(line));
  }
  return readings;
}

/** @param instead takes the place of what can't be seen */
function visible(input: string, instead: string): string {
  return input
    .replace(TERMINAL, "")
    .normalize("NFKC")
    .replace(INVISIBLE, instead)
    .replace(DASHES, "-")
    .replace(/\r\n?|[\u0085\u2028\u2029]/g, "\n")
    .trim();
}

function readingsOf(text: string): CodeReading[] {
  const rest = [
    afterLabel(text, text.search(COLON)),
    afterLabel(text, lastColon(text)),
    text,
    text.replace(NUMBERING, " "),
    ...text.split(/\s+/).filter((word) => JOINED.test(word)),
  ];
  return [
    ...linkReadings(text),
    ...commandReadings(text),
    ...rest.flatMap((one) => (one === undefined ? [] : { text: one, relay: undefined })),
  ];
}

/** What a chat or a note puts in front: "the code is: ..." */
const COLON = /[:=](?!\/\/)/;

/** A code in one piece, among other words. */
const JOINED = /(?:[^-]+-){5}[^-]+/;

/** Of a list: "1. amused 2. oyster". */
const NUMBERING = /(?:^|\s)\d[.)]\s/g;

function lastColon(text: string): number {
  return Math.max(text.lastIndexOf(":"), text.lastIndexOf("="));
}

function afterLabel(text: string, colon: number): string | undefined {
  const after = colon === -1 ? "" : text.slice(colon + 1).trim();
  return after === "" ? undefined : after;
}

function linkReadings(text: string): CodeReading[] {
  const found = LINK.exec(text);
  if (found === null) return [];
  const [whole, relay = "", fragment = ""] = found;
  const code = unescaped(fragment);
  // It may go on in the next line.
  const rest = text.slice(found.index + whole.length);
  return [code, `${code} ${rest}`].map((part) => ({ text: part, relay }));
}

function unescaped(fragment: string): string {
  try {
    return decodeURIComponent(fragment);
  } catch {
    return fragment;
  }
}

function commandReadings(text: string): CodeReading[] {
  const words = text.split(/\s+/);
  const isCommand = words.some((given, i) => {
    const word = given.replace(QUOTED, "");
    const option = nameOf(word);
    if (VALUE_OPTIONS.has(option) || option === "code" || option === "lobby") return true;
    return PROGRAM.test(word) || VARIABLE.test(word) || (i === 0 && ALONE.test(word));
  });
  if (!isCommand) return [];
  const { code, relay } = commandParts(words);
  if (code.length === 0) return [];
  // Other lines of the screen may follow.
  return [code.join(" "), code[0]!].map((part) => ({ text: part, relay }));
}

function nameOf(word: string): string {
  return OPTION.exec(word)?.[1]?.toLowerCase() ?? "";
}

/** What stands in a command line where a code and a relay do. */
function commandParts(words: readonly string[]): { code: string[]; relay: string | undefined } {
  const said: string[] = []; // by a variable, before the command
  let code: string[] = [];
  let into: string[] = code;
  let relay: string | undefined;
  let inCommand = false;
  for (let i = 0; i < words.length; i++) {
    const word = words[i]!.replace(QUOTED, "");
    const variable = VARIABLE.exec(word);
    const name = nameOf(word);
    if (OPERATOR.test(words[i]!)) {
      if (inCommand) break;
    } else if (variable !== null) {
      const value = (variable[2] ?? "").replace(QUOTED, "");
      into = said;
      if (variable[1]?.toUpperCase() === "RELAY") relay = value;
      else said.push(value);
    } else if (PROGRAM.test(word)) {
      inCommand = true;
      const next = words[i + 1] ?? "";
      // Its words are none of a code.
      into = [];
      code = [];
      if (!/^(?:send|tx)$/i.test(next)) into = code;
      if (TAKES_CODE.test(next)) i++;
    } else if (VALUE_OPTIONS.has(name) || name === "code") {
      const value = (OPTION.exec(word)?.[2] ?? words[++i] ?? "").replace(QUOTED, "");
      if (name === "relay") relay = value;
      if (name === "code") code.push(value);
    } else if (name === "lobby") {
      code.push("lobby");
    } else if (!word.startsWith("--") && !(into.length === 0 && ALONE.test(word))) {
      into.push(word);
    }
  }
  return { code: code.length > 0 ? code : said, relay };
}
