/** The alerts and the dashboard of deploy/ ask for metrics that the relay has, and the alerts fire when they should. */
import { describe, expect, test } from "bun:test";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { FAULTS } from "../../../protocol/mod.ts";
import { METRICS } from "../../../relay/admin/metric-table.ts";
import { CLUSTER_SHARES_MOST } from "../../../relay/cluster/known-shares.ts";
import { startRelay } from "../../../relay/mod.ts";
import { lacksProgram } from "../../needs.ts";
import { temporaryFolder } from "../../support/disk.ts";
import { parseExposition } from "../../support/relay/exposition.ts";

const DEPLOY = join(import.meta.dir, "../../../deploy");
const ALERTS = join(DEPLOY, "prometheus/alerts.yaml");

interface Rule {
  readonly alert: string;
  readonly expr: string;
  readonly labels: { readonly severity: string };
  readonly annotations: { readonly summary: string; readonly action: string };
}

interface Panel {
  readonly id: number;
  readonly type: string;
  readonly title: string;
  readonly gridPos: {
    readonly h: number;
    readonly w: number;
    readonly x: number;
    readonly y: number;
  };
  readonly targets?: readonly { readonly expr: string; readonly legendFormat: string }[];
}

const alerts = Bun.YAML.parse(readFileSync(ALERTS, "utf8")) as {
  readonly groups: readonly { readonly rules: readonly Rule[] }[];
};
const rules = alerts.groups.flatMap((group) => group.rules);
const dashboard = JSON.parse(readFileSync(join(DEPLOY, "grafana/fileshare.json"), "utf8")) as {
  readonly templating: {
    readonly list: readonly { readonly name: string; readonly query: unknown }[];
  };
  readonly panels: readonly Panel[];
};
const expressions = [
  ...rules.map(({ expr }) => expr),
  ...dashboard.panels.flatMap(({ targets = [] }) => targets.map(({ expr }) => expr)),
];

/** Labels that Prometheus sets. */
const TARGET_LABELS = ["job", "instance"];
const labelsOf = new Map(METRICS.map(({ name, labels }) => [name, labels]));

/** Names of metrics with what stands in the braces behind them. */
function selectors(expr: string): [name: string, inner: string][] {
  return [...expr.matchAll(/\b((?:fileshare|process)_\w+|up)\b(?:\{([^}]*)\})?/g)].map(
    ([, name = "", inner = ""]) => [name, inner],
  );
}

const matchers = (inner: string): [label: string, value: string][] =>
  [...inner.matchAll(/(\w+)(?:=~?|!=)"([^"]*)"/g)].map(([, label = "", value = ""]) => [
    label,
    value,
  ]);

test("every metric that they name is one of the relay's, with the labels that they name", async () => {
  const relay = await startRelay({ workers: 1, admin: { hostname: "127.0.0.1", port: 0 } });
  const answer = await fetch(new URL("/metrics", relay.admin?.url));
  const families = parseExposition(await answer.text());
  await relay.stop();
  expect(expressions.length).toBeGreaterThan(30);
  for (const expr of expressions) {
    const named = selectors(expr);
    expect(named.length).toBeGreaterThan(0);
    for (const [name, inner] of named) {
      if (name !== "up") expect([...families.keys()]).toContain(name);
      const labels = [...(labelsOf.get(name) ?? []), ...TARGET_LABELS];
      for (const [label] of matchers(inner)) expect(labels).toContain(label);
    }
    const known = TARGET_LABELS.concat(named.flatMap(([name]) => labelsOf.get(name) ?? []));
    for (const [, list = ""] of expr.matchAll(/\b(?:by|without|ignoring|on) \(([^)]*)\)/g)) {
      for (const label of list.split(",")) expect(known).toContain(label.trim());
    }
  }
});

test("every value of a label that they name is one that the relay gives", async () => {
  const relay = await startRelay({ workers: 1, admin: { hostname: "127.0.0.1", port: 0 } });
  const answer = await fetch(new URL("/metrics", relay.admin?.url));
  const families = parseExposition(await answer.text());
  await relay.stop();
  // Those of the store are absent without a store.
  const ofStore: Record<string, string[]> = {
    state: ["durable", "reserved"],
    result: ["done", "failed"],
  };
  for (const [name, inner] of expressions.flatMap(selectors)) {
    for (const [label, value] of matchers(inner)) {
      if (TARGET_LABELS.includes(label)) continue;
      const samples = families.get(name)?.samples ?? [];
      const given = samples.map(({ labels }) => labels[label]);
      const known =
        label === "code" ? Object.keys(FAULTS) : samples.length > 0 ? given : ofStore[label];
      for (const one of value.split("|")) expect(known).toContain(one);
    }
  }
});

test("every rule has a name of its own, a severity, and says what to do", () => {
  expect(new Set(rules.map(({ alert }) => alert)).size).toBe(rules.length);
  for (const { alert, labels, annotations } of rules) {
    expect(alert).toStartWith("Fileshare");
    expect(["page", "ticket"]).toContain(labels.severity);
    expect(annotations.action).toEndWith(".");
  }
});

test("panels have ids of their own, and do not overlap", () => {
  const { panels } = dashboard;
  expect(new Set(panels.map(({ id }) => id)).size).toBe(panels.length);
  for (const { gridPos: a, id } of panels) {
    expect(a.x + a.w).toBeLessThanOrEqual(24);
    for (const { gridPos: b } of panels.filter((each) => each.id > id)) {
      const isApart = a.x + a.w <= b.x || b.x + b.w <= a.x || a.y + a.h <= b.y || b.y + b.h <= a.y;
      expect(isApart).toBe(true);
    }
  }
});

describe.skipIf(lacksProgram("promtool", "prometheus"))("promtool", () => {
  function promtool(...words: string[]): string {
    const child = Bun.spawnSync(["promtool", ...words]);
    return `${child.exitCode}: ${child.stdout.toString()}${child.stderr.toString()}`;
  }

  test("understands the rules", () => {
    expect(promtool("check", "rules", "--lint-fatal", ALERTS)).toContain(
      `${rules.length} rules found`,
    );
  });

  test("understands the queries of the dashboard", () => {
    using folder = temporaryFolder();
    const path = join(folder.path, "queries.yaml");
    const queries = dashboard.panels.flatMap(({ targets = [] }) => targets);
    const recorded = queries.map(({ expr }, at) => ({
      record: `panel:query:${at}`,
      expr: expr.replaceAll("$__rate_interval", "5m"),
    }));
    writeFileSync(path, JSON.stringify({ groups: [{ name: "dashboard", rules: recorded }] }));
    expect(promtool("check", "rules", path)).toStartWith("0: ");
  });

  const instance = 'job="fileshare", instance="relay1:8999"';
  const series = (name: string, labels: string, values: string) => ({
    series: `${name}{${[instance, labels].filter((text) => text !== "").join(", ")}}`,
    values,
  });

  test.each([
    ["FileshareRelayDown", [series("up", "", "0x120")]],
    ["FileshareRelayRestarts", [series("process_start_time_seconds", "", "1 2 3 4x116")]],
    [
      "FileshareWorkersMissing",
      [
        series("fileshare_workers", 'state="wanted"', "4x120"),
        series("fileshare_workers", 'state="answering"', "3x120"),
      ],
    ],
    ["FileshareWorkerSlow", [series("fileshare_worker_delay_seconds", 'worker="1"', "2x120")]],
    [
      "FileshareLogFull",
      [
        series("fileshare_log_blocks", 'state="held"', "99x120"),
        series("fileshare_log_blocks", 'state="free"', "1x120"),
      ],
    ],
    [
      "FileshareSentAgain",
      [
        series("fileshare_wanted_again_total", "", "0+30x120"),
        series("fileshare_received_frames_total", "", "0+60x120"),
      ],
    ],
    ["FileshareRefuses", [series("fileshare_refused_total", 'limit="max-sockets"', "0+120x120")]],
    ["FileshareFaults", [series("fileshare_faults_total", 'code="log-full"', "0+1x120")]],
    [
      "FileshareDescriptors",
      [series("process_open_fds", "", "95x120"), series("process_max_fds", "", "100x120")],
    ],
    ["FileshareCertificateEnds", [series("fileshare_certificate_end_seconds", "", "9000x120")]],
    ["FileshareDrainsForLong", [series("fileshare_draining", "", "1x120")]],
    [
      "FileshareStoreFull",
      [
        series("fileshare_stored_bytes", 'state="durable"', "10x120"),
        series("fileshare_stored_bytes", 'state="reserved"', "95x120"),
        series("fileshare_stored_limit_bytes", "", "100x120"),
      ],
    ],
    ["FileshareClusterDisconnected", [series("fileshare_cluster_connected", "", "0x120")]],
    [
      "FileshareClusterSplit",
      [
        series("fileshare_cluster_relays", "", "1x120"),
        series("fileshare_cluster_connected", "", "1x120"),
        {
          series: 'fileshare_cluster_connected{job="fileshare", instance="relay2:8999"}',
          values: "1x120",
        },
      ],
    ],
    ["FileshareClusterClaimsWait", [series("fileshare_cluster_claims_waiting", "", "3x120")]],
    [
      "FileshareClusterDirectorySlow",
      [series("fileshare_cluster_nats_round_trip_seconds", "", "0.7x120")],
    ],
    [
      "FileshareClusterFull",
      [series("fileshare_cluster_shares", "", `${0.9 * CLUSTER_SHARES_MOST + 1}x120`)],
    ],
    [
      "FileshareStoreNotSaved",
      [series("fileshare_store_saves_total", 'result="failed"', "0+1x120")],
    ],
  ] as const)("finds that %s fires, and not for a healthy relay", (alert, input) => {
    using folder = temporaryFolder();
    const path = join(folder.path, "test.yaml");
    const fires = (values: readonly object[], expected: readonly object[], at: string) => ({
      interval: "1m",
      input_series: values,
      promql_expr_test: [
        {
          expr: `count by (alertname, alertstate) (ALERTS{alertname="${alert}", alertstate="firing"})`,
          eval_time: at,
          exp_samples: expected,
        },
      ],
    });
    const at = alert === "FileshareRelayRestarts" ? "10m" : "100m";
    const labels = `{alertname="${alert}", alertstate="firing"}`;
    const healthy = [
      series("up", "", "1x120"),
      series("process_start_time_seconds", "", "1x120"),
      series("fileshare_workers", 'state="wanted"', "4x120"),
      series("fileshare_workers", 'state="answering"', "4x120"),
      series("fileshare_worker_delay_seconds", 'worker="1"', "0.01x120"),
      series("fileshare_log_blocks", 'state="held"', "50x120"),
      series("fileshare_log_blocks", 'state="free"', "50x120"),
      series("fileshare_wanted_again_total", "", "0+1x120"),
      series("fileshare_received_frames_total", "", "0+600x120"),
      series("fileshare_refused_total", 'limit="max-sockets"', "0+1x120"),
      series("fileshare_faults_total", 'code="replaced"', "0+1x120"),
      series("fileshare_faults_total", 'code="log-full"', "3x120"),
      series("process_open_fds", "", "50x120"),
      series("process_max_fds", "", "100x120"),
      series("fileshare_certificate_end_seconds", "", "9000000x120"),
      series("fileshare_draining", "", "0x60 1x30 0x30"),
      series("fileshare_stored_bytes", 'state="durable"', "10x120"),
      series("fileshare_stored_bytes", 'state="reserved"', "50x120"),
      series("fileshare_stored_limit_bytes", "", "100x120"),
      series("fileshare_store_saves_total", 'result="done"', "0+1x120"),
      series("fileshare_cluster_connected", "", "1x120"),
      series("fileshare_cluster_relays", "", "1x120"),
      series("fileshare_cluster_claims_waiting", "", "0x50 3 0x69"),
      series("fileshare_cluster_nats_round_trip_seconds", "", "0.002x120"),
      series("fileshare_cluster_shares", "", `${0.9 * CLUSTER_SHARES_MOST}x120`),
      series("fileshare_store_saves_total", 'result="failed"', "1x120"),
    ];
    const play = {
      rule_files: [ALERTS],
      evaluation_interval: "1m",
      tests: [fires(input, [{ labels, value: 1 }], at), fires(healthy, [], at)],
    };
    writeFileSync(path, JSON.stringify(play));
    expect(promtool("test", "rules", path)).toStartWith("0: ");
  });
});
