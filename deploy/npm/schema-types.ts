/** Schemas of valibot as TypeScript: the types of what they accept, with their descriptions as comments. */
import type * as v from "valibot";

/** The parts of a schema that this reads. */
interface Schema {
  readonly type: string;
  readonly pipe?: readonly { readonly type: string; readonly description?: string }[];
  readonly entries?: Readonly<Record<string, Schema>>;
  readonly options?: readonly (Schema | string)[];
  readonly item?: Schema;
  readonly wrapped?: Schema;
  readonly literal?: string | number | boolean;
}

interface TypeText {
  readonly text: string;
  readonly meaning: string | undefined;
}

/** @throws Error for a kind of schema that no event has had yet */
export function typeOf(schema: v.GenericSchema, indent: string): TypeText {
  return typeText(schema, indent);
}

export function commented(meaning: string | undefined, indent: string): string {
  return meaning === undefined ? "" : `${indent}/** ${meaning} */\n`;
}

function typeText(schema: Schema, indent: string): TypeText {
  const meaning = schema.pipe?.find(({ type }) => type === "description")?.description;
  return { text: plainType(schema, indent), meaning };
}

function plainType(schema: Schema, indent: string): string {
  switch (schema.type) {
    case "string":
    case "number":
    case "boolean":
      return schema.type;
    case "literal":
      return JSON.stringify(schema.literal);
    case "picklist":
      return (schema.options ?? []).map((option) => JSON.stringify(option)).join(" | ");
    case "array":
      return `readonly ${grouped(plainType(schema.item!, indent))}[]`;
    case "union":
      return (schema.options as readonly Schema[])
        .map((option) => plainType(option, indent))
        .join(" | ");
    case "strict_object":
      return objectType(schema.entries ?? {}, indent);
    default:
      throw new Error(`Schemas of the kind ${schema.type} have no type here.`);
  }
}

function objectType(entries: Readonly<Record<string, Schema>>, indent: string): string {
  const inner = `${indent}  `;
  const fields = Object.entries(entries).map(([key, schema]) => {
    const isOptional = schema.type === "optional";
    const { text } = typeText(isOptional ? schema.wrapped! : schema, inner);
    const { meaning } = typeText({ ...schema, type: "boolean" }, inner);
    const name = /^\w+$/.test(key) ? key : JSON.stringify(key);
    const type = isOptional ? `${name}?: ${text} | undefined` : `${name}: ${text}`;
    return `${commented(meaning, inner)}${inner}readonly ${type};\n`;
  });
  return `{\n${fields.join("")}${indent}}`;
}

function grouped(text: string): string {
  return text.includes(" | ") ? `(${text})` : text;
}
