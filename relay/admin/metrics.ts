/** The metrics in the text format of Prometheus. Loaded when somebody asks for them. */
import { Counter, Gauge, Registry } from "prom-client";
import processCpuTotal from "prom-client/lib/metrics/processCpuTotal.js";
import processMaxFileDescriptors from "prom-client/lib/metrics/processMaxFileDescriptors.js";
import processOpenFileDescriptors from "prom-client/lib/metrics/processOpenFileDescriptors.js";
import processStartTime from "prom-client/lib/metrics/processStartTime.js";

import { METRICS, type Metric, type MetricSource } from "./metric-table.ts";

/** Of the library's default metrics those that are right under Bun; those of V8 and libuv are not. */
const DEFAULTS = [
  processCpuTotal,
  processStartTime,
  processOpenFileDescriptors,
  processMaxFileDescriptors,
];

const MICROSECONDS = 1e6;

export interface Exposition {
  readonly contentType: string;
  readonly text: string;
}

export class Metrics {
  readonly #registry = new Registry();
  readonly #own: readonly (readonly [Metric, Gauge | Counter])[];

  constructor() {
    const registers = [this.#registry];
    const before = process.cpuUsage();
    for (const collect of DEFAULTS) collect(this.#registry);
    this.#addCpu(before);
    this.#own = METRICS.map((metric) => {
      const { name, help, type, labels } = metric;
      const options = { name, help, labelNames: labels, registers };
      return [metric, type === "counter" ? new Counter(options) : new Gauge(options)];
    });
  }

  /** The library counts from the moment that it is loaded, which is when somebody asks first. */
  #addCpu({ user, system }: NodeJS.CpuUsage): void {
    for (const [name, microseconds] of [
      ["process_cpu_user_seconds_total", user],
      ["process_cpu_system_seconds_total", system],
      ["process_cpu_seconds_total", user + system],
    ] as const) {
      const metric = this.#registry.getSingleMetric(name);
      if (metric instanceof Counter) metric.inc(microseconds / MICROSECONDS);
    }
  }

  async expose(source: MetricSource): Promise<Exposition> {
    for (const [metric, instrument] of this.#own) {
      instrument.reset();
      for (const { labels = {}, value } of metric.read(source)) instrument.inc(labels, value);
    }
    return { contentType: this.#registry.contentType, text: await this.#registry.metrics() };
  }
}
