/** The links of a worker, with real sockets to a scripted owner, and a clock of the test. */
import { expect, test } from "bun:test";
import { toHex } from "../../../protocol/mod.ts";
import { nodePrimitives } from "../../../protocol/crypto/crypto-node.ts";
import type { ToCluster } from "../../../relay/cluster/messages.ts";
import { SILENT_MS } from "../../../relay/worker/relay-line.ts";
import { LINKS_MOST, Uplinks } from "../../../relay/worker/uplinks.ts";
import { randomId } from "../../support/relay/raw-client.ts";
import { ScriptedOwner, TEST_SECRET } from "../../support/relay/scripted-owner.ts";
import { until } from "../../support/until.ts";

class Play implements AsyncDisposable {
  now = 0;
  readonly owner = new ScriptedOwner([]);
  readonly said: ToCluster[] = [];
  readonly reports: string[] = [];
  readonly uplinks: Uplinks;

  constructor(isMember = true) {
    this.uplinks = new Uplinks({
      worker: 3,
      clientRouter: {
        connect: () => {
          throw new Error("the owner named no share");
        },
      },
      primitives: nodePrimitives,
      cluster: isMember ? { secret: TEST_SECRET, relay: "0011223344556677" } : undefined,
      post: (message) => this.said.push(message),
      report: ({ level, event }) => void this.reports.push(`${level} ${event}`),
      clock: () => this.now,
    });
  }

  link(link: number): this {
    const { relay, address } = this.owner;
    this.uplinks.handle({ t: "link", link, channel: toHex(randomId()), relay, address, level: 0 });
    return this;
  }

  async linked(links: number): Promise<void> {
    await until(() => this.said.filter(({ t }) => t === "linked").length === links);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.uplinks.end();
    await this.owner[Symbol.asyncDispose]();
  }
}

test("a worker keeps as many links as it may, and one more when one ends", async () => {
  await using play = new Play();
  for (let link = 1; link <= LINKS_MOST + 1; link++) play.link(link);
  const why = `this worker has ${LINKS_MOST} links, and takes no more`;
  expect(play.said).toEqual([{ t: "link-lost", worker: 3, link: LINKS_MOST + 1, why }]);
  await play.linked(LINKS_MOST);
  play.uplinks.handle({ t: "unlink", link: 1 });
  await play.link(LINKS_MOST + 1).linked(LINKS_MOST + 1);
  play.uplinks.end();
  expect(play.uplinks.size).toBe(0);
  await play.owner.until(() => play.owner.controls.length === 0);
});

test("a link that is told twice is one", async () => {
  await using play = new Play();
  await play.link(1).link(1).linked(1);
  expect(play.owner.opened).toBe(1);
});

test("the end of a line is no trouble when the owner goes away as it should", async () => {
  await using play = new Play();
  await play.link(1).linked(1);
  play.owner.say({ t: "fault", code: "going-away", message: "it drains", retry: true });
  await until(() => play.reports.length === 1);
  expect(play.reports).toEqual(["info link-lost"]);
  expect(play.said[1]).toMatchObject({ t: "link-lost", why: "it drains", isOrderly: true });
  play.now += 250;
  play.uplinks.tick();
  await play.linked(2);
  play.owner.cut("all");
  await until(() => play.reports.length === 2);
  expect(play.reports[1]).toBe("warn link-lost");
});

test("an owner from which nothing comes for long loses the line", async () => {
  await using play = new Play();
  await play.link(1).linked(1);
  play.now = SILENT_MS - 1;
  play.uplinks.tick();
  expect(play.said).toHaveLength(1);
  play.now = SILENT_MS;
  play.uplinks.tick();
  expect(play.said[1]).toEqual({ t: "link-lost", worker: 3, link: 1, why: "the owner is silent" });
  play.now += 250;
  play.uplinks.tick();
  await play.linked(2);
});

test("a relay that is in no cluster links to none", async () => {
  await using play = new Play(false);
  play.link(1);
  expect(play.said).toMatchObject([{ t: "link-lost", why: "this worker takes no links" }]);
  expect(play.owner.opened).toBe(0);
});
