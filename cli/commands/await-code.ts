import type { Client } from "../library/client.ts";
import type { ClientEvent } from "../job/event-schema.ts";
import { onInterrupt } from "../system/interrupts.ts";

export interface AwaitedCode {
  /** Undefined: it ended before it came to that. */
  readonly code: Extract<ClientEvent, { event: "code" }> | undefined;
  /** The same client, with all of its events. */
  readonly client: Client;
}

/** Waits until a send knows its code: which one that is depends on what was sent before. */
export async function awaitCode(client: Client): Promise<AwaitedCode> {
  using _ = onInterrupt(() => client.interrupt());
  const rest = client[Symbol.asyncIterator]();
  const seen: ClientEvent[] = [];
  let code: AwaitedCode["code"];
  while (code === undefined) {
    const next = await rest.next();
    if (next.done === true) break;
    seen.push(next.value);
    if (next.value.event === "code") code = next.value;
  }
  const all = async function* (): AsyncGenerator<ClientEvent, void> {
    yield* seen;
    for (let next = await rest.next(); next.done !== true; next = await rest.next())
      yield next.value;
  };
  return { code, client: { ...client, [Symbol.asyncIterator]: all } };
}
