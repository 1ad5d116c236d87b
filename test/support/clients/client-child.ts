/** A client as a process of its own: its job is its argument, its events are lines of JSON. */
import { startClient } from "../../../cli/library/client.ts";
import type { Job } from "../../../cli/job/jobs.ts";

const client = startClient(JSON.parse(process.argv[2]!) as Job);
for await (const event of client) console.log(JSON.stringify(event));
const { exitCode } = await client.outcome;
process.exit(exitCode);
