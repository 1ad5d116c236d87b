/**
 * A relay under churn for as long as one likes: `bun run soak --minutes 30 --chart FILE.svg --picture FILE.png`. Shares
 * come and go, receivers are cut, come late, are slow or stop, attackers come again and again, the
 * lobby is used, the admin page is open in a browser; meanwhile what the relay holds is looked at. Ends
 * with 1 when that grew, or when a byte was wrong.
 */
import { mkdtempSync } from "node:fs";
import { rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";

import { AttackCrowd } from "../../bench/attack.ts";
import { endChildren } from "../../bench/children.ts";
import { fileshare } from "../support/clients/command.ts";

import { AdminPage, statusOf } from "./admin-page.ts";
import { chart } from "./chart.ts";
import { lobbyChurn } from "./lobby.ts";
import { rounds } from "./rounds.ts";
import { sampleOf, type Sample } from "./sample.ts";
import { trendsOf } from "./verdict.ts";

const SAMPLE_MS = 5000;
const WORKERS = 2;
const ATTACKERS = 200;
const MOST_MINUTES = 24 * 60;
const USAGE = 2;
const INTERRUPTED = 130;

const interrupted = new AbortController();
/** Rejects at a signal: what was started is ended on the way out. */
const broken = new Promise<never>((_, reject) => {
  interrupted.signal.addEventListener("abort", () => reject(new Error("interrupted")));
});
broken.catch(() => undefined);

/** Looks at the relay until told to stop. */
function watch(pid: number, samples: Sample[]): NodeJS.Timeout {
  const startedAt = performance.now();
  return setInterval(() => {
    const sample = sampleOf(pid, (performance.now() - startedAt) / 1000);
    samples.push(sample);
    const { at, rssAnon, descriptors, mappedFiles, threads } = sample;
    const MiB = (rssAnon / 2 ** 20).toFixed(0);
    process.stderr.write(
      `${at.toFixed(0)} s: ${MiB} MiB, ${descriptors} descriptors, ${mappedFiles} mapped files, ${threads} threads\n`,
    );
  }, SAMPLE_MS);
}

interface Options {
  readonly minutes: number;
  readonly chartPath: string | undefined;
  readonly picturePath: string | undefined;
}

async function soak({ minutes, chartPath, picturePath }: Options): Promise<boolean> {
  const runtime = mkdtempSync(join(tmpdir(), "fileshare-soak-"));
  await using _ = { [Symbol.asyncDispose]: () => rm(runtime, { recursive: true, force: true }) };
  await using relay = fileshare(
    `relay --host 127.0.0.1 --port 0 --admin 127.0.0.1:0 --workers ${WORKERS}`.split(" "),
    { XDG_RUNTIME_DIR: runtime },
  );
  const listening: unknown = await relay.events(() => true);
  const url = String((listening as { url?: string } | undefined)?.url);
  await using page = await AdminPage.open(runtime);
  if (page === undefined) console.log("Left out: the admin page (there is no Chromium)");
  const over = AbortSignal.timeout(minutes * 60_000);
  const samples: Sample[] = [];
  const watching = watch(relay.pid, samples);
  try {
    await using crowd = await AttackCrowd.start(
      { url, pids: [relay.pid] },
      { count: ATTACKERS, seconds: 0 },
    );
    const [shares, files] = await Promise.race([
      Promise.all([rounds(url, over), lobbyChurn(url.replace(/^ws/, "http"), over)]),
      broken,
    ]);
    const { attacks } = await crowd.stop();
    if (page !== undefined && picturePath !== undefined) {
      await Bun.write(picturePath, await page.picture());
    }
    for (const complaint of page?.complaints ?? []) console.log(`the page: ${complaint}`);
    console.log(
      `${minutes} min: ${shares} runs of the bench, ${files} files through the lobby, ${attacks} attacks`,
    );
  } catch (error) {
    console.error(`The relay: ${await statusOf(runtime, "--json")}`);
    throw error;
  } finally {
    clearInterval(watching);
  }
  const trends = trendsOf(samples);
  for (const { held, early, late, most, isFlat } of trends) {
    console.log(`${held}: ${early} early, ${late} late, ${most} at most${isFlat ? "" : ", GREW"}`);
  }
  if (chartPath !== undefined) {
    const title = `A relay under churn for ${minutes} min, ${WORKERS} workers, ${ATTACKERS} attackers`;
    await Bun.write(chartPath, chart(samples, title));
  }
  return trends.every(({ isFlat }) => isFlat) && (page?.complaints.length ?? 0) === 0;
}

const { values } = parseArgs({
  options: {
    minutes: { type: "string", default: "30" },
    chart: { type: "string" },
    picture: { type: "string" },
  },
});
const minutes = Number(values.minutes);
if (!(minutes > 0 && minutes <= MOST_MINUTES)) {
  console.error(`--minutes takes a number up to ${MOST_MINUTES}`);
  process.exit(USAGE);
}
for (const signal of ["SIGINT", "SIGTERM"] as const) {
  process.once(signal, () => {
    interrupted.abort();
    void endChildren();
  });
}
try {
  const options = { minutes, chartPath: values.chart, picturePath: values.picture };
  process.exit((await soak(options)) ? 0 : 1);
} catch (error) {
  if (!interrupted.signal.aborted) throw error;
  process.exit(INTERRUPTED);
}
