import type { ClientEvent } from "../job/event-schema.ts";
import { askChoice } from "./prompts.ts";
import { shown } from "./format.ts";

export type AsksEvent = Extract<ClientEvent, { event: "asks" }>;

/** Whether a receiver may have what is sent. Its name is its own word, so Enter alone is no. */
export async function askAdmission({ id, name }: AsksEvent, signal: AbortSignal): Promise<boolean> {
  const who = name.trim() === "" ? "a receiver without a name" : shown(name);
  const question = `Let ${who} (${id.slice(0, 8)}) receive it? (y/N) `;
  return (await askChoice(question, ["n", "y"], signal)) === "y";
}
