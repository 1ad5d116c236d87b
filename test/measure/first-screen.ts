/**
 * The time until the page takes a code, in a real Chromium whose processor is slowed down as that of a phone:
 * `bun test/measure/first-screen.ts [slowdown]`. The page comes over http://localhost, so the network takes no time.
 */
import { RelayProcess } from "../support/clients/processes.ts";
import { TestBrowser } from "../support/browsers.ts";
import { pageOf } from "../support/page-actions.ts";

const ROUNDS = 7;
const slowdown = Number(process.argv[2] ?? 4);

interface Timing {
  /** ms since the navigation began */
  readonly painted: number;
  /** The scripts ran: the field and the buttons work. ms */
  readonly ready: number;
  /** Of all files, as they came. bytes */
  readonly bytes: number;
  readonly requests: number;
}

const TIMING = `(() => {
  const files = performance.getEntriesByType("resource");
  const [page] = performance.getEntriesByType("navigation");
  return {
    painted: performance.getEntriesByName("first-contentful-paint")[0].startTime,
    ready: page.domContentLoadedEventEnd,
    bytes: [page, ...files].reduce((sum, { transferSize }) => sum + transferSize, 0),
    requests: files.length + 1,
  };
})()`;

await using relay = await RelayProcess.start({ workers: 1 });
await using browser = await TestBrowser.start("chromium");
const rounds: Timing[] = [];
for (let round = 0; round < ROUNDS; round++) {
  await using page = await browser.open("about:blank");
  await page.raw.emulateCPUThrottling(slowdown);
  await page.goTo(pageOf(relay));
  await page.find("button", "Receive");
  const timing = await page.until("it has painted", () => page.evaluate<Timing>(TIMING));
  rounds.push(timing);
  const { painted, ready, bytes, requests } = timing;
  const sizes = `${Math.round(bytes / 1024)} KiB in ${requests} requests`;
  console.log(`ready ${Math.round(ready)} ms, painted ${Math.round(painted)} ms, ${sizes}`);
}
const middle = rounds.map(({ ready }) => ready).toSorted((a, b) => a - b)[ROUNDS >> 1] ?? 0;
console.log(`ready in the middle of ${ROUNDS}: ${Math.round(middle)} ms, ${slowdown} times slower`);
