/** A real relay in a cluster without a directory: the test says which shares of which owner it reads. */
import { tmpdir } from "node:os";

import { toHex } from "../../../protocol/mod.ts";
import { nodePrimitives } from "../../../protocol/crypto/crypto-node.ts";
import type { ToCluster } from "../../../relay/cluster/messages.ts";
import { RELAY_ID_BYTES } from "../../../relay/cluster/wire.ts";
import { DEFAULT_POLICY } from "../../../relay/access/policy.ts";
import { Supervisor } from "../../../relay/main/supervisor.ts";
import type { RelayOptions } from "../../../relay/main/options.ts";
import { LOG_BYTES, STALL_TIMEOUT_MS } from "../../../relay/limits/operator-limits.ts";
import type { Report } from "../../../relay/worker/reports.ts";
import { channelId, type TestChannel } from "./channel.ts";
import { TEST_SECRET, type ScriptedOwner } from "./scripted-owner.ts";

export class EdgeRelay implements AsyncDisposable {
  readonly supervisor: Supervisor;
  /** Its id in hex. */
  readonly relay: string;
  readonly reports: Report[];
  readonly heard: ToCluster[];
  readonly #news: { promise: Promise<void>; resolve: () => void };
  #links = 0;

  private constructor(
    supervisor: Supervisor,
    relay: string,
    reports: Report[],
    heard: ToCluster[],
    news: { promise: Promise<void>; resolve: () => void },
  ) {
    this.supervisor = supervisor;
    this.relay = relay;
    this.reports = reports;
    this.heard = heard;
    this.#news = news;
  }

  static async open(options: Partial<RelayOptions> = {}): Promise<EdgeRelay> {
    const relay = toHex(nodePrimitives.randomBytes(RELAY_ID_BYTES));
    const reports: Report[] = [];
    const heard: ToCluster[] = [];
    const news = Promise.withResolvers<void>();
    const told = (): void => {
      news.resolve();
      Object.assign(news, Promise.withResolvers<void>());
    };
    const supervisor = await Supervisor.start({
      hostname: "127.0.0.1",
      workers: 1,
      port: 0,
      logBytes: LOG_BYTES,
      logFolder: tmpdir(),
      zeroCopy: true,
      stallMs: STALL_TIMEOUT_MS,
      lobby: true,
      page: false,
      policy: DEFAULT_POLICY,
      ...options,
      onReport: (report) => {
        reports.push(report);
        told();
      },
      supervision: {
        cluster: {
          hostname: "127.0.0.1",
          port: 0,
          secret: TEST_SECRET,
          relay,
        },
        onLinks: (message) => {
          heard.push(message);
          told();
        },
      },
    });
    return new EdgeRelay(supervisor, relay, reports, heard, news);
  }

  get port(): number {
    return this.supervisor.port;
  }

  /** For other relays. */
  get clusterPort(): number {
    return this.supervisor.clusterPort ?? 0;
  }

  /** For clients. */
  get url(): string {
    return `ws://127.0.0.1:${this.port}/ws`;
  }

  /** @returns its number */
  link(
    owner: Pick<ScriptedOwner, "relay" | "address">,
    channel: TestChannel,
    worker = 0,
    level = 0,
  ): number {
    const link = ++this.#links;
    const { relay, address } = owner;
    const id = toHex(channelId(channel));
    this.supervisor.toWorker(worker, { t: "link", link, channel: id, relay, address, level });
    return link;
  }

  unlink(link: number, worker = 0): void {
    this.supervisor.toWorker(worker, { t: "unlink", link });
  }

  /** The first that the workers said of a link like that, past or to come. */
  async when(t: ToCluster["t"], times = 1): Promise<ToCluster> {
    for (;;) {
      const found = this.heard.filter((message) => message.t === t)[times - 1];
      if (found !== undefined) return found;
      await this.#news.promise;
    }
  }

  /** The first report of that event, past or to come. */
  async reported(event: string): Promise<Report> {
    for (;;) {
      const found = this.reports.find((report) => report.event === event);
      if (found !== undefined) return found;
      await this.#news.promise;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.supervisor.stop();
  }
}
