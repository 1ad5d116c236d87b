/** Tables of the library, from its types and their comments. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { parseSync } from "oxc-parser";

import {
  RECEIVE_OPTIONS,
  REVOKE_OPTIONS,
  SEND_OPTIONS,
  STORED_OPTIONS,
} from "../../cli/library/library-options.ts";
import { table } from "./markdown.ts";

const ROOT = join(import.meta.dir, "../..");
const LIBRARY = "cli/library/library.ts";
const STORED = "cli/library/stored.ts";
const JOBS = "cli/job/jobs.ts";

/** Options by which the commands of this project reach what no other program needs. */
const INTERNAL = new Set(["again", "allNames", "keep", "master", "relayHost", "route"]);

interface Member {
  readonly name: string;
  readonly isOptional: boolean;
  readonly type: string;
  readonly meaning: string;
}

/** A node of the syntax tree, as far as this reads it. */
interface Node {
  readonly type: string;
  readonly start: number;
  readonly end: number;
  readonly [key: string]: unknown;
}

interface Source {
  readonly text: string;
  readonly body: readonly Node[];
  readonly comments: readonly { readonly start: number; readonly end: number }[];
}

const read = new Map<string, Source>();

function sourceOf(path: string): Source {
  const known = read.get(path);
  if (known !== undefined) return known;
  const text = readFileSync(join(ROOT, path), "utf8");
  const { program, comments } = parseSync(path, text);
  const source = { text, body: program.body as unknown as readonly Node[], comments };
  read.set(path, source);
  return source;
}

/** The declaration of a type. @throws Error if the file has it no more */
function declarationOf(path: string, name: string): Node {
  for (const statement of sourceOf(path).body) {
    const declared = (statement["declaration"] ?? statement) as Node;
    if ((declared["id"] as { name?: string } | undefined)?.name === name) return declared;
  }
  throw new Error(`${path} declares no ${name}`);
}

/** The members of an interface, a class or a literal type. */
function membersOf(path: string, node: Node): Member[] {
  const source = sourceOf(path);
  const body = (node["body"] ?? node) as Node;
  const members = (body["body"] ?? body["members"]) as readonly Node[];
  return members.flatMap((member) => {
    const key = member["key"] as { name?: string } | undefined;
    const isLeftOut = member["kind"] === "constructor" || member["override"] === true;
    if (key?.name === undefined || isLeftOut) return [];
    return {
      name: key.name ?? "",
      isOptional: member["optional"] === true,
      type: typeText(source.text, member),
      meaning: meaningOf(source, member.start),
    };
  });
}

function typeText(text: string, member: Node): string {
  // A getter is a function.
  const getter = member["value"] as Node | null | undefined;
  const annotation = (member["typeAnnotation"] ?? getter?.["returnType"]) as Node | undefined;
  const isMethod = member.type === "TSMethodSignature";
  const written = isMethod
    ? text.slice((member["key"] as Node).end, member.end)
    : text.slice(annotation?.start ?? member.end, annotation?.end ?? member.end);
  return written
    .replace(/^:\s*/, "")
    .replace(/;$/, "")
    .replaceAll(/\breadonly |\s*\| undefined\b/g, "")
    .replaceAll(/\s+/g, " ");
}

/** The comment in front, in one line. */
function meaningOf({ text, comments }: Source, start: number): string {
  const found = comments.findLast(({ end }) => end <= start);
  if (found === undefined || text.slice(found.end, start).trim() !== "") return "";
  return text
    .slice(found.start, found.end)
    .replaceAll(/^\/\*\*|\*\/$|^ *\* ?/gm, " ")
    .replaceAll(/\s+/g, " ")
    .trim();
}

function rows(members: readonly Member[]): string[][] {
  return members.map(({ name, isOptional, type, meaning }) => [
    `\`${name}${isOptional ? "?" : ""}\``,
    `\`${type}\``,
    meaning,
  ]);
}

/** Options in the order of their checks: those that the call takes, with the comments of the job that gets them. */
function optionTable(names: readonly string[], own: string, job: string): string {
  const declared = [
    ...membersOf(LIBRARY, declarationOf(LIBRARY, own)),
    ...membersOf(LIBRARY, declarationOf(LIBRARY, "Common")),
    // All options of a job have a default.
    ...membersOf(JOBS, declarationOf(JOBS, job)).map(({ name, type, meaning }) => {
      return { name, type, meaning, isOptional: true };
    }),
  ];
  const listed = names
    .filter((name) => !INTERNAL.has(name))
    .map((name) => {
      const found = declared.find((each) => each.name === name);
      if (found === undefined) throw new Error(`${own} has no ${name}`);
      return found;
    });
  const required = listed.filter(({ isOptional }) => !isOptional);
  const optional = listed.filter(({ isOptional }) => isOptional);
  return table(["option", "type", "meaning"], rows([...required, ...optional]));
}

/** The forms of what can be sent, with the keys of each. */
function formTable(): string {
  const union = declarationOf(JOBS, "SendWhat")["typeAnnotation"] as Node;
  const lines = (union["types"] as readonly Node[]).flatMap((form) => {
    const [from, ...keys] = membersOf(JOBS, form);
    const head = [`\`from: ${from?.type}\``, "", "", ""];
    return [head].concat(rows(keys).map((row) => [""].concat(row)));
  });
  return table(["form", "key", "type", "meaning"], lines);
}

/** Of calls that take what they need alone. */
function ownOptionTable(names: readonly string[], ...types: readonly string[]): string {
  const declared = types.flatMap((type) => membersOf(STORED, declarationOf(STORED, type)));
  return table(
    ["option", "type", "meaning"],
    rows(declared.filter(({ name }) => names.includes(name))),
  );
}

function memberTable(path: string, name: string): string {
  return table(["member", "type", "meaning"], rows(membersOf(path, declarationOf(path, name))));
}

export const API_TABLES: Record<string, string> = {
  api_send: optionTable(Object.keys(SEND_OPTIONS), "SendOptions", "SendJob"),
  api_receive: optionTable(Object.keys(RECEIVE_OPTIONS), "ReceiveOptions", "ReceiveJob"),
  api_stored: ownOptionTable(Object.keys(STORED_OPTIONS), "StoredOptions"),
  api_revoke: ownOptionTable(Object.keys(REVOKE_OPTIONS), "RevokeOptions", "StoredOptions"),
  api_what: formTable(),
  api_client: memberTable("cli/library/client.ts", "Client"),
  api_outcome: memberTable(JOBS, "Outcome"),
  api_fault: memberTable("protocol/wire/faults.ts", "FaultError"),
};
