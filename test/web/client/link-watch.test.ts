import { expect, test } from "bun:test";
import { LinkWatch, SLEPT_MS, WATCH_MS } from "../../../web/client/link-watch.ts";
import { SILENCE_MS } from "../../../protocol/wire/limits.ts";

test("a link that is silent is asked about, and is fine again once anything is heard", () => {
  const watch = new LinkWatch(0);
  let now = 0;
  while (now + WATCH_MS < SILENCE_MS) expect(watch.look((now += WATCH_MS))).toBe("fine");
  expect(watch.look((now += WATCH_MS))).toBe("ask");
  watch.heard(now);
  expect(watch.look((now += WATCH_MS))).toBe("fine");
});

test("a look that comes a minute late is of a hidden page, and one that comes later is after a sleep", () => {
  const watch = new LinkWatch(0);
  watch.heard(60_000 + WATCH_MS);
  expect(watch.look(60_000 + WATCH_MS)).toBe("fine");
  watch.heard(60_000 + WATCH_MS + SLEPT_MS);
  expect(watch.look(60_000 + WATCH_MS + SLEPT_MS)).toBe("dead");
});
