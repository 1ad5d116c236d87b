/**
 * Every place of the product where one change makes another program of it.
 * A site is known by its text and not by its path, so that it is found again where code has moved.
 */
import { changesOf, type Change } from "./operators.ts";
import { parse, walk, type Node } from "./tree.ts";

export interface Site extends Change {
  readonly path: string;
  readonly line: number;
  /** The text that is replaced. */
  readonly before: string;
  /** The statement around it, or as much of a long one as is short enough; in one line. */
  readonly statement: string;
  /** Its number among the statement's changes of this kind, from 0. */
  readonly ordinal: number;
  /** The function around the statement, in one line. */
  readonly context: string;
}

/** Characters: a statement that contains others is told apart by a part of it. */
const STATEMENT_LENGTH = 300;
const CONTEXT_LENGTH = 3000;
/** Characters of code that are shown on either side of a change. */
const AROUND = 40;

/** Nodes that hold statements: none of these is a part of one. */
const HOLDERS = new Set(["Program", "BlockStatement", "ClassBody", "SwitchCase", "StaticBlock"]);

const FUNCTIONS = new Set(["FunctionDeclaration", "MethodDefinition", "PropertyDefinition"]);

const inOneLine = (text: string): string => text.trim().replaceAll(/\s+/g, " ");

/** All sites of a file, from its top down. */
export function sitesOf(path: string, text: string): Site[] {
  const { program, code } = parse(path, text);
  const sites: Site[] = [];
  const seen = new Map<string, number>();
  walk(program, (node, ancestors) => {
    for (const change of changesOf(node, ancestors.at(-1), code)) {
      const { start, end } = statementOf(node, ancestors);
      const around = functionOf(node, ancestors);
      const key = `${change.kind} ${start} ${end}`;
      const ordinal = seen.get(key) ?? 0;
      seen.set(key, ordinal + 1);
      sites.push({
        ...change,
        path,
        line: lineAt(text, change.start),
        before: inOneLine(code.slice(change.start, change.end)),
        after: change.after,
        statement: inOneLine(code.slice(start, end)),
        ordinal,
        context: inOneLine(code.slice(around.start, around.end)).slice(0, CONTEXT_LENGTH),
      });
    }
  });
  return sites.toSorted((a, b) => a.start - b.start);
}

/** The file's text with this change made. */
export function mutated(text: string, { start, end, after }: Change): string {
  return text.slice(0, start) + after + text.slice(end);
}

/** The change with a little of the code around it, as it was and as it is now. */
export function shown(text: string, { start, end, after }: Change): [from: string, to: string] {
  const head = text.slice(0, start).split("\n").at(-1)?.slice(-AROUND) ?? "";
  const tail = text.slice(end).split("\n", 1)[0]?.slice(0, AROUND) ?? "";
  const replaced = text.slice(start, end);
  const cut = (part: string): string =>
    part.length > 2 * AROUND ? `${part.slice(0, AROUND)} ... ${part.slice(-AROUND)}` : part;
  return [inOneLine(head + cut(replaced) + tail), inOneLine(head + cut(after) + tail)];
}

function lineAt(text: string, offset: number): number {
  return text.slice(0, offset).split("\n").length;
}

function statementOf(node: Node, ancestors: readonly Node[]): Node {
  let found = node;
  for (const outer of ancestors.toReversed()) {
    if (HOLDERS.has(outer.type) || outer.end - outer.start > STATEMENT_LENGTH) break;
    found = outer;
  }
  return found;
}

function functionOf(node: Node, ancestors: readonly Node[]): Node {
  const inner = ancestors.findLast(({ type }) => FUNCTIONS.has(type));
  return inner ?? ancestors[1] ?? node;
}
