/**
 * The types of the library, `lib/cli/mod.d.ts`, in one file that needs no other package. dts-bundle-generator collects them. Three
 * tables of the product, from which TypeScript would infer types of a thousand lines, are written as the plain types that they
 * mean: the events, with their comments, and the codes of faults and routes.
 */
import { join } from "node:path";
import { parseSync } from "oxc-parser";
import { generateDtsBundle } from "dts-bundle-generator";

import { storeEvent } from "../../cli/job/command-events.ts";
import { clientEvent } from "../../cli/job/event-schema.ts";
import { ROUTES } from "../../cli/job/routes.ts";
import { FAULTS } from "../../protocol/wire/faults.ts";
import { commented, typeOf } from "./schema-types.ts";

/** Types by name, in place of those that are inferred from a table. */
const WRITTEN: Readonly<Record<string, () => string>> = {
  ClientEvent: () => eventUnion(),
  FaultCode: () => literals(Object.keys(FAULTS)),
  Route: () => literals(ROUTES),
  StoredShare: () => storeType("stored-share"),
  RevokedShare: () => storeType("revoked"),
};

/** Statements that only the replaced types need. */
const LEFT_OUT = new Set(["clientEvent", "storeEvent", "StoreEvent", "FAULTS", "TEXTS", "ROUTES"]);

/** @throws Error if the types of a table are not where they were */
export function libraryTypes(root: string): string {
  const [bundled = ""] = generateDtsBundle(
    [{ filePath: join(root, "cli/mod.ts"), output: { noBanner: true } }],
    { preferredConfigPath: join(root, "deploy/npm/tsconfig.json"), followSymlinks: false },
  );
  const { program, comments } = parseSync("mod.d.ts", bundled);
  const pieces: string[] = [];
  const missing = new Set(Object.keys(WRITTEN));
  for (const statement of program.body) {
    const { start, end } = statement;
    const name = nameOf(statement);
    if (statement.type === "ImportDeclaration" || LEFT_OUT.has(name)) continue;
    const comment = comments.findLast((each) => {
      return each.end <= start && bundled.slice(each.end, start).trim() === "";
    });
    const begin = comment?.start ?? start;
    const written = WRITTEN[name];
    if (written === undefined) pieces.push(bundled.slice(begin, end));
    else {
      missing.delete(name);
      pieces.push(`${bundled.slice(begin, start)}export type ${name} = ${written()};`);
    }
  }
  if (missing.size > 0) throw new Error(`The types do not name ${[...missing].join(", ")}.`);
  const text = `${pieces.join("\n\n")}\n`;
  const foreign = /\b(?:valibot|v\.\w+|Bun\.)/.exec(text);
  if (foreign !== null) throw new Error(`The types need ${foreign[0]}, which users do not have.`);
  return text;
}

type Statement = ReturnType<typeof parseSync>["program"]["body"][number];

/** The name that a statement declares; empty: none. */
function nameOf(statement: Statement): string {
  const declared =
    statement.type === "ExportNamedDeclaration" && statement.declaration !== null
      ? statement.declaration
      : statement;
  if (declared.type === "VariableDeclaration") {
    const { id } = declared.declarations[0] ?? {};
    return id?.type === "Identifier" ? id.name : "";
  }
  return "id" in declared && declared.id?.type === "Identifier" ? declared.id.name : "";
}

function literals(values: readonly string[]): string {
  return values
    .toSorted()
    .map((value) => `\n  | ${JSON.stringify(value)}`)
    .join("");
}

/** @throws Error if there is no such event */
function storeType(name: string): string {
  const schema = storeEvent.options.find(({ entries }) => entries.event.literal === name);
  if (schema === undefined) throw new Error(`The store has no event ${name}.`);
  return fieldsOf(typeOf(schema, "").text);
}

function eventUnion(): string {
  return clientEvent.options
    .map((schema) => {
      const { text, meaning } = typeOf(schema, "  ");
      return `\n${commented(meaning, "  ")}  | ${fieldsOf(text)}`;
    })
    .join("");
}

const FAULT_CODES = Object.keys(FAULTS)
  .map((code) => JSON.stringify(code))
  .join(" | ");

/** The package is near its limit of bytes: codes of faults by their name, and no comments, which events.md has. */
function fieldsOf(text: string): string {
  return text.replaceAll(/^ *\/\*\*.*\*\/\n/gm, "").replaceAll(FAULT_CODES, "FaultCode");
}
