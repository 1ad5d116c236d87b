/** Hostile links and relays, as the page in a real browser takes them. The browser complains of nothing. */
import { expect, test } from "bun:test";

import { sealName, type Message } from "../../../protocol/mod.ts";
import { nodePrimitives } from "../../../protocol/crypto/crypto-node.ts";
import { parseCode } from "../../../protocol/code/code.ts";
import { newCode } from "../../support/clients/clients.ts";
import { keysOf } from "../../support/clients/known-codes.ts";
import { describeIn } from "../../support/browsers.ts";
import { PageRelay, WELCOME } from "../../support/hostile/page-relay.ts";
import { openCode, pageOf, sendText } from "../../support/page-actions.ts";

/** It would set this, and the browser would complain of the policy. */
const MARKUP = "<img src=x onerror='globalThis.isHit=1'><script>globalThis.isHit=1</script>";
const REVERSED = "\u202Egpj.exe";

function* faulty(message: Message): Generator<Message> {
  if (message.t !== "hello") return;
  yield { t: "fault", code: "too-fast", message: `${MARKUP}${REVERSED}`, retry: true };
}

function* nothing(message: Message): Generator<Message> {
  if (message.t !== "hello") return;
  yield WELCOME;
  if (message.role === "receiver") yield { t: "offers", list: [] };
}

for (const name of ["chromium", "firefox"] as const) {
  describeIn(name, (browser) => {
    test("F32 P4 a code of a link leaves no trace in the browser", async () => {
      await using hostile = await PageRelay.start(nothing);
      const code = newCode();
      await using page = await browser().open(`${pageOf(hostile, "127.0.0.1")}?a=1#${code}`);
      await page.see("waits for a share");
      const traces = await page.evaluate<string>(`(async () => {
        const databases = await indexedDB.databases();
        return JSON.stringify([location.href, document.title, document.referrer, history.state,
          history.length, { ...localStorage }, { ...sessionStorage }, document.cookie, databases,
          await caches.keys()]);
      })()`);
      expect(traces).toContain("?a=1");
      for (const word of code.split("-")) expect(traces).not.toContain(word);
      // The first is the address as the driver was told it; a browser sends nothing behind #.
      expect(page.requests.slice(1).join(" ")).not.toContain("#");
    });
  });
}

describeIn("chromium", (browser) => {
  test("F32 words of a hostile relay are shown as words", async () => {
    await using hostile = await PageRelay.start(faulty);
    await using page = await openCode(browser(), pageOf(hostile, "127.0.0.1"), newCode());
    const shown = await page.see("onerror");
    expect(shown).toContain(MARKUP);
    expect(shown).toContain("\\u{202e}gpj.exe");
    expect(await page.evaluate("globalThis.isHit")).toBeUndefined();
  });

  test("W3 F32 links without a code end at the field, whatever they hold", async () => {
    await using hostile = await PageRelay.start(nothing);
    const at = pageOf(hostile, "127.0.0.1");
    await using page = await browser().open(`${at}#${encodeURIComponent(MARKUP)}`);
    await page.see("This is not a code");
    for (const fragment of ["%FF", "%00%E2%80%AE", "x".repeat(2 ** 19), "a-".repeat(2 ** 16)]) {
      await page.evaluate(`location.hash = ${JSON.stringify(fragment)}`);
      await page.until("the fragment is gone", async () => {
        return (await page.evaluate<string>("location.hash")) === "" || undefined;
      });
      await page.see("This is not a code");
    }
    expect(await page.evaluate("globalThis.isHit")).toBeUndefined();
    expect(page.requests.filter((url) => url.startsWith("ws"))).toEqual([]);
  });

  test("a page that is older than its relay says so, and goes on with its code after a reload", async () => {
    await using hostile = await PageRelay.start(nothing);
    const missing = [/404/];
    await using page = await browser().open(pageOf(hostile, "127.0.0.1"), { allow: missing });
    await page.fill("Code", newCode());
    hostile.gone = /^\/page\/worker-/;
    await page.click("button", "Receive");
    await page.see("This page is older than the relay");
    hostile.gone = /^$/;
    await page.click("button", "Reload");
    await page.see("waits for a share");
    expect(page.raw.url()).not.toContain("#");
  });

  test("an old page says so in the lobby too", async () => {
    await using hostile = await PageRelay.start(nothing);
    await using page = await browser().open(pageOf(hostile, "127.0.0.1"), { allow: [/404/] });
    hostile.gone = /^\/page\//;
    await page.click("button", "Open the lobby");
    await page.see("This page is older than the relay");
  });

  test("F26 F32 a storm of ten thousand receivers leaves the page usable and bounded", async () => {
    let share: Uint8Array | undefined;
    await using hostile = await PageRelay.start(function* (message) {
      if (message.t === "hello") yield WELCOME;
      if (message.t !== "offer") return;
      share = message.share;
      yield { t: "accepted", share };
    });
    await using page = await browser().open(pageOf(hostile, "127.0.0.1"));
    const keys = keysOf(parseCode(await sendText(page, "hello")));
    await page.see("Receivers can take it now");
    const states = ["live", "left", "behind", "done"] as const;
    for (let at = 0; at < 110; at++) {
      const list = Array.from({ length: 100 }, (_, i) => {
        const id = new Uint8Array(16);
        new DataView(id.buffer).setUint32(0, 100 * at + i + 1);
        const sealed = sealName(MARKUP, { share: share!, receiver: id }, keys, nodePrimitives);
        return { id, name: sealed, state: states[i % 4]!, next: 1 };
      });
      hostile.say({ t: "receivers", share: share!, list });
    }
    await page.see("10,000 receivers");
    expect(await page.evaluate<number>("document.querySelectorAll('tr').length")).toBeLessThan(110);
    await page.click("button", "Stop");
    await page.see("Stopped");
    expect(await page.evaluate("globalThis.isHit")).toBeUndefined();
  });
});
