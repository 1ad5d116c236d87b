/**
 * Texts that people give as a code: the code alone, in quotes, across lines, the whole command that
 * the sender's screen shows, its web link, a line of a chat. A text has several
 * readings, the most telling first; `readCode` takes the first one that is a code.
 */

/** A text that may be a code, and the relay that stands beside it. */
export interface CodeReading {
  readonly text: string;
  readonly relay: string | undefined;
  /** A part of a text that is about other things too: only words that their check proves are a code there. */
  readonly loose: boolean;
}

/** Options of `recv` and `key` that take a value; the code is none of these. */
export const VALUE_OPTIONS: ReadonlySet<string> = new Set([
  "ca",
  "connect-timeout",
  "connections",
  "limit",
  "name",
  "out",
  "port",
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
/** The capital i of Turkish. */
const TURKISH_I = /\u0130/g;
const DASHES = /[\p{Pd}\u2212\u2043]/gu;
const QUOTES = "\\p{Pi}\\p{Pf}\u201a\u201e\u301d-\u301f\u300c-\u300f\"'`´*_~<>(){},;";
const QUOTED = new RegExp(`^[${QUOTES}]+|[${QUOTES}.]+$`, "gu");

const ESCAPES = /(?:%[0-9a-f]{2})+/gi;
const ENTITIES = /&(?:#\d+|[a-z]+);/gi;
/** The innermost one, where it stands in another. */
const LINK = /\b((?:https?|wss?):\/\/(?:(?!:\/\/)[^\s#])+)#(\S+)/iu;
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

/** The readings of a text, the most telling first. */
export function codeReadings(input: string): CodeReading[] {
  const readings: CodeReading[] = [];
  // A soft hyphen or a zero-width space may also be all that stands between two words.
  const texts = new Set([visible(input, ""), visible(input, " ")]);
  for (const text of texts) readings.push(...readingsOf(text));
  for (const text of texts) {
    const lines = text.split("\n").filter((line) => line.trim() !== "");
    if (lines.length === 1) continue;
    for (const line of lines) readings.push(...readingsOf(line).map(loosened));
  }
  for (const text of otherForms(visible(input, ""))) {
    readings.push(...readingsOf(text).map(loosened));
  }
  return readings;
}

/** Undoes changes that programs make on the way: escapes of a link in a link, broken words. */
function otherForms(text: string): Set<string> {
  const forms = new Set([
    text.replace(ESCAPES, unescaped),
    text.replace(ENTITIES, " "),
    text.replace(/=?[ \t]*\n[>\s]*/g, ""),
    text.replace(/\s+/g, ""),
  ]);
  forms.delete(text);
  return forms;
}

/** @param instead takes the place of what can't be seen */
function visible(input: string, instead: string): string {
  return input
    .replace(TERMINAL, "")
    .normalize("NFKC")
    .replace(INVISIBLE, instead)
    .replace(DASHES, "-")
    .replace(TURKISH_I, "i")
    .replace(/\r\n?|[\u0085\u2028\u2029]/g, "\n")
    .trim();
}

function readingsOf(text: string): CodeReading[] {
  const colon = text.search(COLON);
  const whole = [colon > LABEL_CHARACTERS ? undefined : afterLabel(text, colon), text];
  const parts = [
    afterLabel(text, colon),
    afterLabel(text, lastColon(text)),
    text.replace(NUMBERING, " "),
    ...text.split(/[^\p{L}\p{N}-]+/u).filter((word) => JOINED.test(word)),
  ];
  return [
    ...linkReadings(text),
    ...linkReadings(text.replace(ESCAPES, unescaped)).map(loosened),
    ...commandReadings(text),
    ...whole.filter((one) => one !== undefined).map((one) => reading(one)),
    ...parts.filter((one) => one !== undefined).map((one) => loosened(reading(one))),
  ];
}

function reading(text: string, relay?: string): CodeReading {
  return { text, relay, loose: false };
}

function loosened(of: CodeReading): CodeReading {
  return { ...of, loose: true };
}

/** The end of a label that a chat or a note puts in front: "the code is: ..." */
const COLON = /[:=](?!\/\/)/;
/** A longer label is a sentence with a colon in it, and no label. */
const LABEL_CHARACTERS = 30;

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
  const [first = ""] = code.split("&");
  return [
    reading(code, relay),
    loosened(reading(first, relay)),
    loosened(reading(`${code} ${rest}`, relay)),
  ];
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
  const pieces = piecesOf(words);
  const isCommand = pieces.some(
    ({ is }) => is === "option" || is === "variable" || is === "program",
  );
  if (!isCommand && !ALONE.test(words[0] ?? "")) return [];
  const { code, relay } = commandParts(pieces);
  if (code.length === 0) return [];
  // Other lines of the screen may follow.
  return [reading(code.join(" "), relay), loosened(reading(code[0]!, relay))];
}

/** Words of a command line that belong together. */
type Piece =
  | { readonly is: "operator" }
  | { readonly is: "program"; readonly takesCode: boolean }
  | { readonly is: "variable" | "option"; readonly name: string; readonly value: string }
  | { readonly is: "word"; readonly value: string };

function piecesOf(words: readonly string[]): Piece[] {
  const pieces: Piece[] = [];
  for (let i = 0; i < words.length; i++) {
    const given = words[i]!;
    const word = given.replace(QUOTED, "");
    const [, variable, set = ""] = VARIABLE.exec(word) ?? [];
    const [, option = "", value] = OPTION.exec(word) ?? [];
    const name = option.toLowerCase();
    if (OPERATOR.test(given)) {
      pieces.push({ is: "operator" });
    } else if (variable !== undefined) {
      pieces.push({ is: "variable", name: variable.toLowerCase(), value: set.replace(QUOTED, "") });
    } else if (PROGRAM.test(word)) {
      const command = words[i + 1] ?? "";
      pieces.push({ is: "program", takesCode: !/^(?:send|tx)$/i.test(command) });
      if (TAKES_CODE.test(command)) i++;
    } else if (VALUE_OPTIONS.has(name) || name === "code") {
      const said = value ?? words[++i] ?? "";
      pieces.push({ is: "option", name, value: said.replace(QUOTED, "") });
    } else if (name === "lobby") {
      pieces.push({ is: "option", name: "code", value: name });
    } else if (!word.startsWith("--")) {
      pieces.push({ is: "word", value: word });
    }
  }
  return pieces;
}

/** The words of a command line in the places of a code and of a relay. */
function commandParts(pieces: readonly Piece[]): { code: string[]; relay: string | undefined } {
  const set: string[] = []; // by a variable, before the command
  let code: string[] = [];
  let words = code;
  let relay: string | undefined;
  let inCommand = false;
  for (const piece of pieces) {
    switch (piece.is) {
      case "operator":
        if (inCommand) return { code: code.length > 0 ? code : set, relay };
        break;
      case "program":
        inCommand = true;
        code = [];
        words = piece.takesCode ? code : [];
        break;
      case "variable":
      case "option":
        if (piece.is === "variable") words = set;
        if (piece.name === "relay") relay = piece.value;
        else if (piece.name === "code") (piece.is === "variable" ? set : code).push(piece.value);
        break;
      case "word":
        if (words.length > 0 || !ALONE.test(piece.value)) words.push(piece.value);
    }
  }
  return { code: code.length > 0 ? code : set, relay };
}
