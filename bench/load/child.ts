/** The side of a load process: takes what the bench says, line by line, and answers. */
import { linesOf } from "../lines.ts";
import type { FromLoad, Plan, ToLoad } from "./contract.ts";

export interface Load {
  go(): void;
  join?(group: number): void;
  /** No more is to come: say `done` now. */
  stop(): void;
  /** Another run comes: ends what is still connected. */
  leave?(): void;
}

export function say(message: FromLoad): void {
  process.stdout.write(`${JSON.stringify(message)}\n`);
}

/** Runs a load process: `start` gets the plan and must say `ready` itself. */
export async function runLoad(start: (plan: Plan) => Load | Promise<Load>): Promise<void> {
  let load: Load | undefined;
  for await (const line of linesOf(Bun.stdin.stream())) {
    const message = JSON.parse(line) as ToLoad;
    if (message.t === "plan") {
      load?.leave?.();
      load = await start(message);
    } else if (message.t === "join") load?.join?.(message.group);
    else if (message.t === "stop" && message.leaves === true) {
      load?.leave?.();
      load?.stop();
    } else load?.[message.t]();
  }
  // The bench is gone, or has heard enough.
  process.exit();
}
