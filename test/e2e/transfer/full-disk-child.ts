/**
 * Receives into a file system that another fills meanwhile, then, with space again, once more; says
 * what happened as one line of JSON. Its argument is the job.
 */
import { existsSync, readFileSync, rmSync, statfsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { startClient } from "../../../cli/library/client.ts";
import type { ReceiveJob } from "../../../cli/job/jobs.ts";
import { list } from "../../support/disk.ts";
import { Running } from "../../support/clients/clients.ts";

const job = JSON.parse(process.argv[2]!) as ReceiveJob;
const ballast = join(job.out, "ballast");

const full = new Running(startClient(job));
await full.when("progress");
const { bavail, bsize } = statfsSync(job.out);
writeFileSync(ballast, new Uint8Array(bavail * bsize - 2 * bsize));
const first = await full.outcome;
const [kept] = full.all("kept");
const namedTooEarly = existsSync(join(job.out, "a.bin"));

rmSync(ballast);
const again = new Running(startClient({ ...job, limit: undefined }));
const second = await again.outcome;
const [resumed] = again.all("resumed");
console.log(
  JSON.stringify({
    first,
    kept: kept !== undefined && kept.bytes > 0,
    namedTooEarly,
    resumed: resumed !== undefined && resumed.bytes === kept?.bytes,
    second,
    hash: Bun.hash(readFileSync(join(job.out, "a.bin"))).toString(),
    end: list(job.out),
  }),
);
process.exit(0);
