/** The changes that a mutation may make to one node of a program. */
import { isNode, type Node } from "./tree.ts";

export const KINDS = [
  "comparison",
  "arithmetic",
  "logic",
  "condition",
  "statement",
  "exit",
  "await",
  "number",
  "boolean",
  "call",
] as const;
export type Kind = (typeof KINDS)[number];

/** The text from `start` to `end` becomes `after`. */
export interface Change {
  readonly kind: Kind;
  readonly start: number;
  readonly end: number;
  readonly after: string;
}

const COMPARISONS: Readonly<Record<string, string>> = {
  "<": "<=",
  "<=": "<",
  ">": ">=",
  ">=": ">",
  "===": "!==",
  "!==": "===",
};

const ARITHMETIC: Readonly<Record<string, string>> = {
  "+": "-",
  "-": "+",
  "*": "/",
  "/": "*",
  "%": "*",
  "<<": ">>",
  ">>": "<<",
  ">>>": "<<",
  "&": "|",
  "|": "&",
  "+=": "-=",
  "-=": "+=",
};

const LOGIC: Readonly<Record<string, string>> = { "&&": "||", "||": "&&" };

const SIGNS: Readonly<Record<string, string>> = { "++": "--", "--": "++" };

const CALLS: Readonly<Record<string, string>> = {
  min: "max",
  max: "min",
  some: "every",
  every: "some",
  startsWith: "endsWith",
  endsWith: "startsWith",
  floor: "ceil",
  ceil: "floor",
};

const DROPPED = new Set(["CallExpression", "AwaitExpression", "AssignmentExpression"]);

/** Up to here a number is one more; above it is doubled, since one more of many is hardly another. */
const COUNTED = 64;

/** Each change of this node alone; `code` is the file's text without comments. */
export function changesOf(node: Node, parent: Node | undefined, code: string): Change[] {
  const { start, end } = node;
  switch (node.type) {
    case "BinaryExpression":
      return [
        ...operatorChange("comparison", node, COMPARISONS, code),
        ...operatorChange("arithmetic", node, ARITHMETIC, code),
      ];
    case "AssignmentExpression":
      return operatorChange("arithmetic", node, ARITHMETIC, code);
    case "LogicalExpression":
      if (node["operator"] === "??") {
        const right = node["right"] as Node;
        return [{ kind: "logic", start, end, after: `(${code.slice(right.start, right.end)})` }];
      }
      return operatorChange("logic", node, LOGIC, code);
    case "UpdateExpression": {
      const after = code.slice(start, end).replace(/\+\+|--/, (sign) => SIGNS[sign] ?? sign);
      return [{ kind: "arithmetic", start, end, after }];
    }
    case "UnaryExpression": {
      if (node["operator"] !== "!") return [];
      const { start: from, end: to } = node["argument"] as Node;
      return [{ kind: "condition", start, end, after: `(${code.slice(from, to)})` }];
    }
    case "IfStatement":
    case "WhileStatement":
    case "DoWhileStatement":
    case "ForStatement":
    case "ConditionalExpression":
      return negation(node["test"], code);
    case "ExpressionStatement": {
      const expression = node["expression"] as Node;
      const callee = expression["callee"];
      if (!DROPPED.has(expression.type) || (isNode(callee) && callee.type === "Super")) return [];
      return [{ kind: "statement", start, end, after: ";" }];
    }
    case "ReturnStatement":
    case "ContinueStatement":
    case "BreakStatement":
    case "ThrowStatement":
      return [{ kind: "exit", start, end, after: ";" }];
    case "AwaitExpression":
      return [{ kind: "await", start, end: (node["argument"] as Node).start, after: "" }];
    case "Literal":
      return literalChange(node, parent);
    case "MemberExpression":
      return callChange(node, parent);
    default:
      return [];
  }
}

function operatorChange(
  kind: Kind,
  node: Node,
  swaps: Readonly<Record<string, string>>,
  code: string,
): Change[] {
  const operator = node["operator"] as string;
  const after = swaps[operator];
  if (after === undefined) return [];
  const start = code.indexOf(operator, (node["left"] as Node).end);
  return [{ kind, start, end: start + operator.length, after }];
}

function negation(test: unknown, code: string): Change[] {
  if (!isNode(test) || test.type === "Literal") return [];
  // These have a change of their own that says the same.
  const operator = test["operator"];
  if (operator === "!" || operator === "===" || operator === "!==") return [];
  const { start, end } = test;
  return [{ kind: "condition", start, end, after: `!(${code.slice(start, end)})` }];
}

function literalChange(node: Node, parent: Node | undefined): Change[] {
  const { start, end, value } = node;
  const isKey = parent?.["key"] === node && parent["computed"] === false;
  // The test of an endless loop stays.
  if (isKey || parent?.["test"] === node) return [];
  if (typeof value === "boolean") return [{ kind: "boolean", start, end, after: String(!value) }];
  if (typeof value !== "number" && typeof value !== "bigint") return [];
  const suffix = typeof value === "bigint" ? "n" : "";
  const number = Number(value);
  const isCount = Number.isInteger(number) && number <= COUNTED;
  const after = isCount ? number + 1 : number * 2;
  return [{ kind: "number", start, end, after: `${after}${suffix}` }];
}

function callChange(node: Node, parent: Node | undefined): Change[] {
  const property = node["property"] as Node;
  const isCalled = parent?.type === "CallExpression" && parent["callee"] === node;
  if (!isCalled || property.type !== "Identifier") return [];
  const after = CALLS[property["name"] as string];
  const { start, end } = property;
  return after === undefined ? [] : [{ kind: "call", start, end, after }];
}
