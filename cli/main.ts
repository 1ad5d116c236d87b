#!/usr/bin/env bun
/** The only place that ends the process. */
import { runCommandLine } from "./commands/dispatcher.ts";
import { exitCodeOf, listenForSignals } from "./system/interrupts.ts";

function end(exitCode: number): never {
  process.exit(exitCode);
}

listenForSignals(end);
// A reader that went away (`| head`) does not end a transfer.
process.stdout.on("error", () => undefined);
process.stderr.on("error", () => undefined);

const exitCode = await runCommandLine(process.argv.slice(2));
// Bytes written to a pipe have to leave first.
await Promise.all(
  [process.stdout, process.stderr].map(
    (stream) => new Promise<void>((resolve) => stream.write("", () => resolve())),
  ),
);
end(exitCodeOf(exitCode));
