/** One relay alone at one prefix of a bucket. */
import { expect, test } from "bun:test";

import { startRelay } from "../../../relay/mod.ts";
import { S3Bucket, type S3Place } from "../../../relay/store/s3-bucket.ts";
import { S3Ledger } from "../../../relay/store/s3-ledger.ts";
import { RelayCommand } from "../../support/clients/relay-command.ts";
import { failingS3 } from "../../support/net/failing-s3.ts";
import { S3_BUCKET } from "../../support/net/s3-server.ts";
import { errorOf, hearing } from "../../support/s3-events.ts";
import { QUICK } from "../../support/s3-share.ts";
import { until } from "../../support/until.ts";

const s3 = failingS3();
/** Of a relay of another machine. */
const FOREIGN = "0123456789abcdef0123456789abcdef 7 elsewhere 0123456789abcdef 4711";

function newPlace(leaseMs: number): S3Place {
  return { ...s3.newPlace(), times: { ...QUICK, leaseMs } };
}

async function write(place: S3Place, text: string): Promise<void> {
  await new S3Bucket(place).put(`${place.prefix}lease`, new TextEncoder().encode(`${text}\n`));
}

function leaseReads(): number {
  return s3.proxy.seen.filter(({ method, key }) => method === "GET" && key.endsWith("/lease"))
    .length;
}

test("a second relay at one prefix is refused with a sentence, and takes it when the first has ended", async () => {
  const place = newPlace(600);
  const first = new S3Ledger(place);
  await first.load();
  const events = hearing();
  const second = new S3Ledger(place, events);
  const fault = await errorOf(second.load());
  expect(fault).toMatchObject({ code: "bad-store" });
  expect(String(fault)).toMatch(/the relay at \S+ \(process \d+\) uses \S+lease: stop it, or give/);
  expect(events.heard.length).toBe(1);
  await second.close();
  await first.close();
  expect(s3.server.keys(place.prefix)).toEqual([]);
  const later = hearing();
  const third = new S3Ledger(place, later);
  await third.load();
  expect(later.heard).toEqual([]);
  await third.close();
});

test("a lease of another machine that is not renewed runs out", async () => {
  const place = newPlace(150);
  await write(place, FOREIGN);
  const events = hearing();
  const ledger = new S3Ledger(place, events);
  await ledger.load();
  expect(events.heard).toEqual(["held: the relay at elsewhere (process 4711)"]);
  expect(leaseReads()).toBeGreaterThan(3);
  await ledger.close();
});

test("a relay that was killed is followed at once on its machine", async () => {
  const place = s3.newPlace();
  const options = ["--workers", "1", "--store", `s3://${S3_BUCKET}/${place.prefix}`];
  const env = { ...s3.server.env, S3_ENDPOINT: s3.proxy.url };
  await using first = await RelayCommand.start(options, 0, undefined, env);
  expect(s3.server.keys(place.prefix)).toEqual([`${place.prefix}lease`]);
  first.kill("SIGKILL");
  await first.exited;
  const events = hearing();
  const again = new S3Ledger(place, events);
  await again.load();
  expect(events.heard).toEqual([]);
  await again.close();
});

test("a relay whose store another one took ends with a sentence, and leaves the other's lease", async () => {
  const place = newPlace(90);
  const relay = await startRelay({ store: place, workers: 1 });
  let fault: Awaited<typeof relay.ended>;
  void relay.ended.then((why) => (fault = why));
  // A renewal of this moment may go over it, as over one of a relay that starts.
  await until(async () => {
    await write(place, FOREIGN);
    return fault !== undefined;
  });
  expect(fault).toMatchObject({
    code: "relay-failed",
    detail: "the relay at elsewhere (process 4711) took the store over",
  });
  await relay.stop();
  expect(s3.server.keys(place.prefix)).toEqual([`${place.prefix}lease`]);
});

test("a store that is away ends no relay, and its lease goes on afterwards", async () => {
  const place = newPlace(90);
  const events = hearing();
  const ledger = new S3Ledger(place, events);
  await ledger.load();
  let left = 40;
  s3.proxy.fault = () => {
    return left-- > 0 ? { t: "refuse", status: 503, code: "SlowDown" } : undefined;
  };
  await until(() => left < 0);
  s3.proxy.seen.length = 0;
  await until(() => leaseReads() > 2);
  expect(events.heard).toEqual([]);
  await ledger.close();
});
