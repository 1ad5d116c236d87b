/** The manifests of deploy/kubernetes/ start relays with options that the command takes, and agree with each other. */
import { afterAll, describe, expect, test } from "bun:test";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { CLOSE_MS } from "../../../relay/limits/limits.ts";
import { LOG_BYTES } from "../../../relay/limits/operator-limits.ts";
import { RelayCommand } from "../../support/clients/relay-command.ts";
import { temporaryFolder } from "../../support/disk.ts";
import { Authority } from "../../support/net/certificates.ts";
import { ownPorts } from "../../support/net/own-port.ts";
import { givenOptions } from "../../support/relay/given-options.ts";

const read = (name: string): string => {
  return readFileSync(join(import.meta.dir, "../../../deploy/kubernetes", name), "utf8");
};

const folder = temporaryFolder();
const secret = join(folder.path, "cluster.key");
writeFileSync(secret, "s".repeat(44), { mode: 0o640 });
afterAll(() => folder[Symbol.dispose]());

interface Manifest {
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly namespace?: string };
  readonly spec: unknown;
}

describe("the manifests for Kubernetes", () => {
  const manifests = Bun.YAML.parse(read("relays.yaml")) as readonly Manifest[];
  const of = (kind: string): unknown => manifests.find((each) => each.kind === kind)?.spec;
  const deployment = of("Deployment") as {
    readonly template: {
      readonly metadata: { readonly labels: Readonly<Record<string, string>> };
      readonly spec: {
        readonly enableServiceLinks: boolean;
        readonly terminationGracePeriodSeconds: number;
        readonly containers: readonly [
          {
            readonly args: readonly string[];
            readonly ports: readonly { readonly name: string; readonly containerPort: number }[];
            readonly readinessProbe: Probe;
            readonly livenessProbe: Probe;
            readonly lifecycle: {
              readonly preStop: { readonly sleep: { readonly seconds: number } };
            };
            readonly volumeMounts: readonly { readonly name: string; readonly mountPath: string }[];
          },
        ];
        readonly volumes: readonly {
          readonly name: string;
          readonly secret?: { readonly secretName: string; readonly defaultMode: number };
          readonly emptyDir?: { readonly sizeLimit: string };
        }[];
      };
    };
  };
  interface Probe {
    readonly httpGet: { readonly path: string; readonly port: string; readonly scheme: string };
  }
  const pod = deployment.template.spec;
  const [container] = pod.containers;
  const portOf = (name: string): number | undefined =>
    container.ports.find((each) => each.name === name)?.containerPort;

  const options = () =>
    givenOptions(
      container.args.map((word) =>
        word.replace("$(POD_IP)", "10.1.2.3").replace("/cluster/cluster.key", secret),
      ),
    );

  test("start relays with options that the command takes", async () => {
    const { listen, cluster, admin, values } = await options();
    expect(listen.port).toBe(portOf("clients") ?? 0);
    expect(cluster?.listen.port).toBe(portOf("relays") ?? 0);
    expect(cluster?.advertise).toEqual({ hostname: "10.1.2.3", port: portOf("relays") ?? 0 });
    expect(admin).toMatchObject({ hostname: "0.0.0.0", port: portOf("admin") ?? 0 });
    const mounts = container.volumeMounts.map(({ mountPath }) => mountPath);
    for (const path of [values["tls-cert"], values["tls-key"]]) {
      expect(mounts.some((mount) => path?.startsWith(`${mount}/`))).toBe(true);
    }
    expect(mounts).toContain("/cluster");
    // Variables that Kubernetes makes of Services would be taken for options.
    expect(pod.enableServiceLinks).toBe(false);
  });

  test("leave time to drain after the pause before SIGTERM", async () => {
    const { drainMs } = (await options()).listen;
    const before = container.lifecycle.preStop.sleep.seconds * 1000;
    const grace = pod.terminationGracePeriodSeconds * 1000;
    expect(grace).toBeGreaterThan(before + drainMs + 2 * CLOSE_MS);
  });

  test("ask the relay's own paths, with TLS as it speaks it", () => {
    const tls = { path: "/healthz", scheme: "HTTPS" };
    expect(container.readinessProbe.httpGet).toEqual({ ...tls, port: "clients" });
    expect(container.livenessProbe.httpGet).toEqual({ ...tls, port: "admin" });
  });

  test("start a relay that answers both probes by its address, also while NATS is away", async () => {
    const authority = new Authority();
    const { cert, key } = authority.issue({ names: ["relay.example"] });
    const file = (name: string, text: string): string => {
      const path = join(folder.path, name);
      writeFileSync(path, text, { mode: 0o640 });
      return path;
    };
    const [client = 0, inner = 0, admin = 0, away = 0] = await ownPorts(4);
    const changes = [
      ["/tls/tls.crt", file("tls.crt", cert)],
      ["/tls/tls.key", file("tls.key", key)],
      ["/cluster/cluster.key", secret],
      ["nats://nats:4222", `nats://127.0.0.1:${away}`],
      ["0.0.0.0:8001", `127.0.0.1:${inner}`],
      ["$(POD_IP):8001", `127.0.0.1:${inner}`],
      ["0.0.0.0:8999", `0.0.0.0:${admin}`],
      ["--log=json", "--log-level=error"],
    ] as const;
    const words = container.args.slice(1).map((word) => {
      return changes.reduce((text, [from, to]) => text.replace(from, to), word);
    });
    await using relay = await RelayCommand.start(words, client);
    // As a node asks: by the address, and without a look at the certificate.
    const probe = async ({ httpGet: { path, port, scheme } }: Probe): Promise<number> => {
      const at = port === "admin" ? admin : client;
      const url = `${scheme.toLowerCase()}://127.0.0.1:${at}${path}`;
      const answer = await fetch(url, { tls: { rejectUnauthorized: false }, keepalive: false });
      return answer.status;
    };
    expect(await probe(container.livenessProbe)).toBe(200);
    expect(await probe(container.readinessProbe)).toBe(200);
    relay.kill("SIGTERM");
    expect(await relay.exited).toBe(0);
  });

  test("mount secrets that no other user may read, and room for the log", async () => {
    for (const { secret: mounted } of pod.volumes) {
      // In octal, as Kubernetes reads it.
      if (mounted !== undefined) expect(`${mounted.defaultMode}`).toBe("440");
    }
    const log = pod.volumes.find(({ name }) => name === "log")?.emptyDir?.sizeLimit;
    const GiB = 1024 ** 3;
    expect(Number(log?.replace("Gi", "")) * GiB).toBeGreaterThan(LOG_BYTES);
    expect((await options()).listen.logBytes).toBe(LOG_BYTES);
  });

  test("agree on names, labels and ports", () => {
    const { labels } = deployment.template.metadata;
    const service = of("Service") as { selector: object; ports: { targetPort: string }[] };
    expect(service.selector).toEqual(labels);
    for (const { targetPort } of service.ports) expect(portOf(targetPort)).toBeDefined();
    const budget = of("PodDisruptionBudget") as { selector: { matchLabels: object } };
    expect(budget.selector.matchLabels).toEqual(labels);
    const policy = of("NetworkPolicy") as {
      podSelector: { matchLabels: object };
      ingress: { from?: object[]; ports: { port: string }[] }[];
    };
    expect(policy.podSelector.matchLabels).toEqual(labels);
    const open = policy.ingress.filter(({ from }) => from === undefined);
    expect(open.flatMap(({ ports }) => ports)).toEqual([{ port: "clients" }]);
    for (const { ports } of policy.ingress) {
      for (const { port } of ports) expect(portOf(port)).toBeDefined();
    }
    const kustomization = Bun.YAML.parse(read("kustomization.yaml")) as {
      resources: string[];
      namespace: string;
      secretGenerator: { name: string; files: string[] }[];
    };
    expect(kustomization.resources).toEqual(["relays.yaml"]);
    const [generated] = kustomization.secretGenerator;
    expect(generated?.files).toEqual(["cluster.key"]);
    expect(pod.volumes.map((each) => each.secret?.secretName)).toContain(generated?.name ?? "");
    for (const { kind, metadata } of manifests.filter((each) => each.kind !== "Namespace")) {
      expect(`${kind} in ${metadata.namespace}`).toBe(`${kind} in ${kustomization.namespace}`);
    }
  });

  test("ask the chart of NATS for three servers with JetStream", () => {
    const values = Bun.YAML.parse(read("nats-values.yaml")) as {
      config: { cluster: object; jetstream: object };
    };
    expect(values.config.cluster).toEqual({ enabled: true, replicas: 3 });
    expect(values.config.jetstream).toMatchObject({ enabled: true });
  });
});
