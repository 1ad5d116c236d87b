/**
 * A relay with the options in its argument. Says its port, takes a worker's number as a line on its
 * standard input to crash that one, drains at SIGTERM, and stops when nobody holds that input any more.
 */
import { createInterface } from "node:readline";
import { DRAIN_MS } from "../../relay/limits/operator-limits.ts";
import { startRelay, type RelayOptions } from "../../relay/mod.ts";

const options = JSON.parse(process.argv[2]!) as Partial<RelayOptions>;
const say = (line: object): void => console.log(JSON.stringify(line));
const relay = await startRelay({ ...options, onTrouble: (trouble) => say({ trouble }) });
say({ port: relay.port });

const input = createInterface({ input: process.stdin });
input.on("line", (worker) => relay.crashWorker(Number(worker)));
// Both end in `ended`, which never rejects.
input.once("close", () => void relay.stop());
process.once("SIGTERM", () => void relay.drain(DRAIN_MS));

const fault = await relay.ended;
if (fault !== undefined) console.error(fault.message);
process.exit(fault?.fault.exitCode ?? 0);
