/** TypeScript text as a tree of nodes, and the strings in it that name other files. */
import { parseSync } from "oxc-parser";

export interface Node {
  readonly type: string;
  /** Where its text begins and ends. */
  readonly start: number;
  readonly end: number;
  readonly [key: string]: unknown;
}

export interface Parsed {
  readonly program: Node;
  /** The text with a space in place of each character of a comment: offsets stay. */
  readonly code: string;
}

export function parse(path: string, text: string): Parsed {
  const { program, comments, errors } = parseSync(path, text, { lang: "ts" });
  if (errors[0] !== undefined) throw new Error(`${path}: ${errors[0].message}`);
  let code = text;
  for (const { start, end } of comments) {
    const blank = text.slice(start, end).replaceAll(/[^\n]/g, " ");
    code = code.slice(0, start) + blank + code.slice(end);
  }
  return { program: program as unknown as Node, code };
}

export function isNode(value: unknown): value is Node {
  return typeof value === "object" && value !== null && "type" in value && "start" in value;
}

/** These wrap a value in a type; every other `TS` node is a type alone. */
const WRAPS_VALUE = new Set(["TSAsExpression", "TSSatisfiesExpression", "TSNonNullExpression"]);

const isType = ({ type }: Node): boolean => type.startsWith("TS") && !WRAPS_VALUE.has(type);

/** Calls `visit` for each node that a run executes, types and imports left out, outer nodes first. */
export function walk(
  node: Node,
  visit: (node: Node, ancestors: readonly Node[]) => void,
  ancestors: readonly Node[] = [],
): void {
  if (isType(node) || node.type === "ImportDeclaration") return;
  visit(node, ancestors);
  const inner = [...ancestors, node];
  for (const value of Object.values(node)) {
    for (const child of Array.isArray(value) ? (value as unknown[]) : [value]) {
      if (isNode(child)) walk(child, visit, inner);
    }
  }
}

/** The scripts that a file imports, starts as a thread or process, or reads: each string that names one. */
export function namedFiles(path: string, text: string): string[] {
  const { program } = parse(path, text);
  const found: string[] = [];
  const take = (value: unknown): void => {
    if (typeof value === "string") found.push(value);
  };
  for (const node of program["body"] as Node[]) {
    if (node.type !== "ImportDeclaration" || node["importKind"] === "type") continue;
    take((node["source"] as Node)["value"]);
  }
  walk(program, (node) => {
    if (node.type === "Literal") take(node["value"]);
    if (node.type === "TemplateElement") {
      take((node["value"] as { cooked?: unknown }).cooked);
    }
  });
  return found.filter((name) => name === "fileshare" || /\.(?:ts|js|py|css|html)$/.test(name));
}
