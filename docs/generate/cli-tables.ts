/** The parts of docs/reference/cli.md and docs/reference/events.md that are made from the code. */
import type { ArgsDef } from "citty";
import type * as v from "valibot";

import { aliasesOf, loadAll } from "../../cli/commands/registry.ts";
import type { Command } from "../../cli/commands/command.ts";
import { ENVIRONMENT } from "../../cli/arguments/environment.ts";
import { doctorEvent, listEvent, relayEvent, storeEvent } from "../../cli/job/command-events.ts";
import { clientEvent } from "../../cli/job/event-schema.ts";
import { ROUTES, ROUTE_TEXTS } from "../../cli/job/routes.ts";
import { EXIT } from "../../protocol/wire/faults.ts";
import { table } from "./markdown.ts";

export const EXIT_MEANING: Record<keyof typeof EXIT, string> = {
  done: "everything arrived",
  failed: "the command failed",
  usage: "wrong usage; nothing was started",
  someFailed: "some receivers or some files failed",
  relayFailed: "the relay could not continue; start it again",
  versionMismatch: "the relay and the program have no protocol version in common",
  timedOut: "the time of --timeout is over",
  hungUp: "the terminal closed (SIGHUP)",
  interrupted: "interrupted with Ctrl-C or SIGTERM",
};

/** `fileshare send [options] [file]` */
export function synopsis({ name, args, many }: Command): string {
  const entries = Object.entries(args);
  const places = entries.filter(([, { type }]) => type === "positional");
  const options = places.length < entries.length ? ["[options]"] : [];
  return [
    name,
    ...options,
    ...places.map(([place]) => `[${place}]${many.includes(place) ? "..." : ""}`),
  ].join(" ");
}

/** Options and words of a command, as they are typed. */
export function argumentsOf(args: ArgsDef): { typed: string; meaning: string }[] {
  return Object.entries(args).map(([name, { type, valueHint, description = "" }]) => {
    if (type === "positional") return { typed: name, meaning: description };
    const value = type === "boolean" ? "" : ` ${(valueHint ?? "value").toUpperCase()}`;
    return { typed: `--${name}${value}`, meaning: description };
  });
}

/** A sentence for a command with other names, without its stop. */
export function alsoCalled(word: string): string[] {
  const names = aliasesOf(word).map((name) => `fileshare ${name}`);
  return names.length === 0 ? [] : [`Also called ${names.join(" and ")}`];
}

function commandSection([word, command]: readonly [string, Command]): string {
  const rows = argumentsOf(command.args).map(({ typed, meaning }) => [`\`${typed}\``, meaning]);
  const examples = command.examples.map(([line, meaning]) => [`\`${line}\``, meaning]);
  return [
    `### ${word}`,
    `${command.description}.`,
    `    ${synopsis(command)}`,
    ...alsoCalled(word).map((also) => `${also}.`),
    ...(rows.length > 0 ? [table(["argument", "meaning"], rows)] : []),
    table(["example", "what it does"], examples),
  ].join("\n\n");
}

interface EventSchema {
  readonly entries: Readonly<Record<string, FieldSchema>>;
  readonly pipe: readonly unknown[];
}

interface FieldSchema {
  readonly type: string;
  readonly pipe?: readonly unknown[];
  readonly literal?: unknown;
  readonly options?: readonly string[];
  readonly item?: FieldSchema;
  readonly wrapped?: FieldSchema;
}

function descriptionOf(pipe: readonly unknown[] = []): string {
  const found = pipe.find((part): part is v.DescriptionAction<unknown, string> => {
    return (
      typeof part === "object" && part !== null && "type" in part && part.type === "description"
    );
  });
  return found?.description ?? "";
}

/** Lists longer than this are those of another table. */
const CHOICES_SHOWN = 10;

function typeName(schema: FieldSchema): string {
  if (schema.wrapped !== undefined) return typeName(schema.wrapped);
  if (schema.item !== undefined) return `list of ${typeName(schema.item)}`;
  if (schema.options === undefined) return schema.type.replace(/^strict_/, "");
  if (schema.options.length > CHOICES_SHOWN) return "fault code";
  return schema.options.map((choice) => `\`${choice}\``).join(" ");
}

function eventRows(schemas: readonly EventSchema[]): string[][] {
  return schemas.flatMap(({ entries, pipe }) => {
    const name = `\`${String(entries["event"]?.literal)}\``;
    const fields = Object.entries(entries).filter(([key]) => key !== "event");
    return [
      [name, "", "", descriptionOf(pipe)],
      ...fields.map(([key, field]) => [
        "",
        `\`${key}${field.type === "optional" ? "?" : ""}\``,
        typeName(field),
        descriptionOf(field.pipe),
      ]),
    ];
  });
}

const EVENT_HEAD = ["event", "key", "type", "meaning"];
const commands = await loadAll();

export const CLI_TABLES: Record<string, string> = {
  commands: commands.map(commandSection).join("\n\n"),
  environment: table(
    ["variable", "meaning"],
    ENVIRONMENT.map(([name, meaning]) => [`\`${name}\``, meaning]),
  ),
  routes: table(
    ["order", "way", "`route` in events"],
    ROUTES.map((route, i) => [`${i + 1}`, ROUTE_TEXTS[route].meaning, `\`${route}\``]),
  ),
  events: table(EVENT_HEAD, eventRows(clientEvent.options)),
  relay_events: table(EVENT_HEAD, eventRows(relayEvent.options)),
  doctor_events: table(EVENT_HEAD, eventRows(doctorEvent.options)),
  list_events: table(EVENT_HEAD, eventRows(listEvent.options)),
  store_events: table(EVENT_HEAD, eventRows(storeEvent.options)),
  exits: table(
    ["exit code", "meaning"],
    Object.entries(EXIT).map(([name, code]) => [
      `${code}`,
      EXIT_MEANING[name as keyof typeof EXIT],
    ]),
  ),
};
