/** Runs in the page: asks the relay each second what it does, shows it, and tells it what to do. */
import type { Overview } from "../overview.ts";
import { Charts } from "./charts.ts";
import { address, byId, element, onTheme, page, past, session, setText } from "./dom.ts";
import { History } from "./history.ts";
import { ShareTable, showBans, showCluster, showCounts, showStored } from "./tables.ts";
import { count, duration, rate, size } from "./words.ts";

/** ms */
const ASK_EVERY = 1000;
/** While nobody looks, so that the charts have something to show to who comes back. ms */
const ASK_HIDDEN_EVERY = 5000;
const TOKEN = "token";

let token = tokenOfLink() ?? session.getItem(TOKEN) ?? "";
const history = new History();
const charts = new Charts();
const table = new ShareTable({
  remove: ({ number }) =>
    ask(`End share ${number} for its sender and all its receivers?`, "End it", () =>
      act("remove", { share: number }, `Share ${number} is over.`),
    ),
  ban: (range) => ask(`Ban ${range} for a day?`, "Ban it", () => ban(range, 86_400)),
});
let bansShown = "";
let storeShown = "";

/** In the fragment it is in no log of any server; out of the address it is in no history. */
function tokenOfLink(): string | undefined {
  const found = new URLSearchParams(address.hash.slice(1)).get(TOKEN);
  if (found === null) return undefined;
  past.replaceState(null, "", address.pathname);
  session.setItem(TOKEN, found);
  return found;
}

async function run(): Promise<void> {
  for (;;) {
    if (token === "") await login();
    await look();
    const wait = page.visibilityState === "visible" ? ASK_EVERY : ASK_HIDDEN_EVERY;
    await new Promise((done) => setTimeout(done, wait));
  }
}

function login(): Promise<void> {
  byId("login").hidden = false;
  byId("relay").hidden = true;
  byId("drain").hidden = true;
  byId("token").focus();
  return new Promise((done) => {
    entered = () => {
      byId("login").hidden = true;
      done();
    };
  });
}

let entered: () => void = () => undefined;

byId("login").addEventListener("submit", (event) => {
  event.preventDefault();
  token = byId("token").value.trim();
  byId("token").value = "";
  session.setItem(TOKEN, token);
  entered();
});

async function look(): Promise<void> {
  let response: Response;
  try {
    response = await fetch("/api/status", { headers: { authorization: `Bearer ${token}` } });
    if (response.ok) {
      show((await response.json()) as Overview);
      showProblem("");
      return;
    }
  } catch {
    state("gone", "does not answer");
    return;
  }
  if (response.status === 401) {
    token = "";
    session.removeItem(TOKEN);
    showProblem("That token is not one of an admin of this relay.");
    state("gone", "not shown");
  } else {
    state("gone", (await response.text()).trim());
  }
}

function show(overview: Overview): void {
  byId("relay").hidden = false;
  byId("drain").hidden = overview.isDraining;
  const { workers, uptime, shares, lanes, memory, log, bans, store, cluster } = overview;
  if (overview.isDraining) state("warn", "draining");
  else if (workers.answering < workers.wanted) state("warn", "a worker is missing");
  else state("fine", "running");
  const lost = workers.lost === 0 ? "" : `, ${workers.lost} lost`;
  setText(
    byId("facts"),
    `up ${duration(uptime)} · ${count(workers.up, "worker", "workers")}${lost}`,
  );
  if (!history.add(overview)) return;
  const { last } = history;
  const receivers = lanes.live + lanes.catchUp + lanes.paused;
  page.title = `${count(shares.all, "share", "shares")} · fileshare relay`;
  figures([
    ["Out", rate(last?.outRate ?? 0), `${size(overview.bytesOut)} in all`],
    ["In", rate(last?.inRate ?? 0), `${size(overview.bytesIn)} in all`],
    ["Shares", `${shares.all}`, `${shares.senderHere} with a sender`],
    ["Receivers", `${receivers}`, `${lanes.catchUp} catching up`],
    [
      "Clients",
      `${clientsOf(overview)}`,
      `${overview.connections.toLocaleString("en")} sockets so far`,
    ],
    ["Buffered", size(overview.buffered), `${size(overview.bufferedMost)} for one`],
    ["Log", size(log.held), `of ${size(log.most)}`],
    [
      "Memory",
      memory === undefined ? "?" : size(memory.own),
      memory === undefined ? "" : `+ ${size(memory.file)} files`,
    ],
  ]);
  charts.draw(history.moments);
  table.show(shares.list, shares.all, history);
  // Only when something changed: else a button would go from under the finger.
  const minute = Math.floor(Date.now() / 60_000);
  const bansNow = JSON.stringify([bans, minute]);
  if (bansNow !== bansShown) {
    bansShown = bansNow;
    showBans(
      bans,
      Date.now(),
      (range) => void act("unban", { address: range }, `${range} may come again.`),
    );
  }
  const storeNow = JSON.stringify([store?.list, store?.bytes, minute]);
  if (storeNow !== storeShown && store !== undefined) {
    storeShown = storeNow;
    byId("store").hidden = false;
    showStored(store, (number) =>
      ask(`Remove stored share ${number}, also for receivers that are in it?`, "Remove it", () =>
        act("remove", { share: number }, `Share ${number} is stored no more.`),
      ),
    );
  }
  byId("cluster").hidden = cluster === undefined;
  if (cluster !== undefined) showCluster(cluster);
  showCounts("refusals", overview.refusals);
  showCounts("faults", overview.faults);
}

function clientsOf({ clients }: Overview): number {
  return Object.values(clients)
    .flatMap((roles) => Object.values(roles))
    .reduce((sum, each) => sum + each, 0);
}

function figures(all: readonly (readonly [name: string, value: string, more: string])[]): void {
  const list = byId("figures");
  for (const [name, value, more] of all) {
    const id = `figure-${name.toLowerCase()}`;
    const known = list.querySelector(`#${id}`);
    if (known !== null) {
      const [dd, small] = [known.querySelector("dd"), known.querySelector("small")];
      if (dd !== null) setText(dd, value);
      if (small !== null) setText(small, more);
      continue;
    }
    const box = element("div");
    box.setAttribute("id", id);
    box.append(element("dt", "", name), element("dd", "", value), element("small", "", more));
    list.append(box);
  }
}

/** @param kind `fine`, `warn` or `gone` */
function state(kind: string, text: string): void {
  const badge = byId("state");
  badge.dataset["kind"] = kind;
  setText(badge, text);
}

/** Said above everything until something else is. */
function showProblem(text: string): void {
  const notice = byId("notice");
  notice.hidden = text === "";
  setText(notice, text);
}

/** Asks before something is done that can't be taken back. */
function ask(question: string, yes: string, then: () => Promise<void>): void {
  const dialog = byId("ask");
  byId("question").textContent = question;
  byId("yes").textContent = yes;
  onYes = then;
  dialog.showModal();
}

let onYes: (() => Promise<void>) | undefined;

byId("ask")
  .querySelector("form")
  ?.addEventListener("submit", ({ submitter }) => {
    const then = onYes;
    onYes = undefined;
    if (submitter?.value === "yes") void then?.();
  });

async function act(name: string, body: unknown, done: string): Promise<void> {
  try {
    const response = await fetch(`/api/${name}`, {
      method: "POST",
      headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
      body: JSON.stringify(body),
    });
    const { detail } = (await response.json()) as { readonly detail?: string };
    showResult(response.ok ? done : `That did not work: ${detail ?? response.status}`);
  } catch {
    showResult("The relay does not answer.");
  }
}

function ban(range: string, seconds: number | undefined): Promise<void> {
  return act("ban", { address: range, seconds }, `${range} may not come any more.`);
}

/** Shows the result of an action for a while. */
function showResult(text: string): void {
  const toast = element("p", "toast", text);
  toast.setAttribute("role", "status");
  byId("relay").append(toast);
  setTimeout(() => toast.remove(), 6000);
}

byId("drain").addEventListener("click", () => {
  ask(
    "End the relay? Transfers may run on for a while; the relay disconnects all other clients.",
    "Drain",
    () => act("drain", {}, "The relay drains."),
  );
});

byId("ban").addEventListener("submit", (event) => {
  event.preventDefault();
  const range = byId("address").value.trim();
  const seconds = byId("for").value;
  const long = seconds === "" ? "for ever" : `for ${duration(Number(seconds))}`;
  ask(`Ban ${range} ${long}? Whoever is connected from there is cut off.`, "Ban it", () => {
    byId("address").value = "";
    return ban(range, seconds === "" ? undefined : Number(seconds));
  });
});

onTheme(() => charts.redraw());
void run();
