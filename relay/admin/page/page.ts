/** The admin page: one file of HTML that needs nothing else, with its style, script and chart library. */
import { fileURLToPath } from "node:url";

export interface Page {
  readonly html: string;
  /** For the header: this script and this style, requests to where it came from, and nothing else. */
  readonly policy: string;
}

const BODY = `
<header>
  <h1>fileshare relay</h1>
  <p id="state" class="badge" role="status"></p>
  <p id="facts" class="soft"></p>
  <button id="drain" type="button" hidden>Drain…</button>
</header>
<p id="notice" class="notice" role="alert" hidden></p>
<form id="login" hidden>
  <p>This page shows a relay to those who run it. <code>fileshare relay status --page</code> on its machine prints a
  link that lets you in; or give a token with the role <code>admin</code>.</p>
  <label for="token">Token</label>
  <input id="token" type="password" autocomplete="off" spellcheck="false" required>
  <button type="submit">Show the relay</button>
</form>
<main id="relay" hidden>
  <dl id="figures"></dl>
  <section class="charts" aria-label="The last minutes">
    <figure><figcaption>Throughput</figcaption><ul class="legend"></ul><div><canvas id="throughput" role="img"></canvas></div></figure>
    <figure><figcaption>Receivers by lane</figcaption><ul class="legend"></ul><div><canvas id="lanes" role="img"></canvas></div></figure>
    <figure><figcaption>Held for who is slow</figcaption><ul class="legend"></ul><div><canvas id="held" role="img"></canvas></div></figure>
    <figure><figcaption>Event loops late</figcaption><ul class="legend"></ul><div><canvas id="delays" role="img"></canvas></div></figure>
  </section>
  <section aria-labelledby="shares-title">
    <h2 id="shares-title">Shares</h2>
    <p id="shares-note" class="soft"></p>
    <table id="shares">
      <thead><tr>
        <th scope="col">Share</th><th scope="col">Sender</th><th scope="col">Receivers</th>
        <th scope="col">Progress</th><th scope="col">In</th><th scope="col">Out</th>
        <th scope="col">Log</th><th scope="col">Age</th><th scope="col"><span class="unseen">What to do</span></th>
      </tr></thead>
      <tbody></tbody>
    </table>
  </section>
  <section id="store" aria-labelledby="store-title" hidden>
    <h2 id="store-title">Stored shares</h2>
    <p id="store-note" class="soft"></p>
    <table id="stored">
      <thead><tr>
        <th scope="col">Share</th><th scope="col">Size</th><th scope="col">State</th>
        <th scope="col">Downloads</th><th scope="col">Stays</th><th scope="col"><span class="unseen">What to do</span></th>
      </tr></thead>
      <tbody></tbody>
    </table>
  </section>
  <section id="cluster" aria-labelledby="cluster-title" hidden>
    <h2 id="cluster-title">Cluster</h2>
    <p id="nats" class="notice" role="status" hidden></p>
    <p id="cluster-note" class="soft"></p>
    <table id="relays">
      <thead><tr>
        <th scope="col">Relay</th><th scope="col">Address</th><th scope="col">Shares</th><th scope="col">Heartbeat</th>
      </tr></thead>
      <tbody></tbody>
    </table>
  </section>
  <section aria-labelledby="bans-title">
    <h2 id="bans-title">Bans</h2>
    <form id="ban">
      <label for="address">Address or range</label>
      <input id="address" autocomplete="off" spellcheck="false" placeholder="203.0.113.0/24" required>
      <label for="for">For</label>
      <select id="for">
        <option value="3600">1 hour</option><option value="86400">1 day</option>
        <option value="604800">1 week</option><option value="">ever</option>
      </select>
      <button type="submit">Ban…</button>
    </form>
    <p id="bans-note" class="soft"></p>
    <table id="bans">
      <thead><tr><th scope="col">Range</th><th scope="col">Until</th><th scope="col"><span class="unseen">What to do</span></th></tr></thead>
      <tbody></tbody>
    </table>
  </section>
  <section class="counts">
    <div><h2>Over a limit</h2><p class="soft" id="refusals-note"></p><dl id="refusals"></dl></div>
    <div><h2>Faults told</h2><p class="soft" id="faults-note"></p><dl id="faults"></dl></div>
  </section>
</main>
<dialog id="ask" aria-labelledby="question">
  <form method="dialog">
    <p id="question"></p>
    <menu><button value="no">Cancel</button><button value="yes" class="danger" id="yes"></button></menu>
  </form>
</dialog>`;

let made: Promise<Page> | undefined;

/** The same every time; the chart library is read when somebody asks first. A binary has the page bundled. */
export function adminPage(): Promise<Page> {
  made ??= find();
  return made;
}

async function find(): Promise<Page> {
  const { embeddedBundle, packedAdmin } = await import("../../../web/mod.ts");
  const bundled = await embeddedBundle("admin-page");
  return bundled === undefined ? make(await packedAdmin()) : ((await bundled.json()) as Page);
}

/** @param packed from the npm package; undefined: the sources lie beside this file */
async function make(packed: { script: string; style: string } | undefined): Promise<Page> {
  const [script, style] = await Promise.all([
    bundle(packed?.script),
    packed?.style ?? Bun.file(beside("style.css")).text(),
  ]);
  const hash = (text: string): string =>
    `'sha256-${new Bun.CryptoHasher("sha256").update(text).digest("base64")}'`;
  const policy = [
    "default-src 'none'",
    `script-src ${hash(script)}`,
    `style-src ${hash(style)}`,
    "connect-src 'self'",
    "img-src data:",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ].join("; ");
  const html = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="referrer" content="no-referrer">
<link rel="icon" href="data:,">
<title>fileshare relay</title>
<style>${style}</style>
</head>
<body>${BODY}
<script>${script}</script>
</body>
</html>
`;
  return { html, policy };
}

function beside(name: string): URL {
  return new URL(name, import.meta.url);
}

/** The bundler looks for the chart library from the folder of this file, for a packed script too. */
async function bundle(packed: string | undefined): Promise<string> {
  const entry = fileURLToPath(beside(packed === undefined ? "browser.ts" : "browser.js"));
  const { outputs } = await Bun.build({
    entrypoints: [entry],
    ...(packed !== undefined && { files: { [entry]: packed } }),
    target: "browser",
    format: "iife",
    minify: true,
  });
  const text = await outputs[0]?.text();
  if (text === undefined) throw new Error(`${entry} makes no script`);
  // The end of a script element would end it inside a string too.
  return text.replaceAll("</script", "<\\/script");
}
