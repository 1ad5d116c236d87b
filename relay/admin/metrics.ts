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

export interface Exposition {
  readonly contentType: string;
  readonly text: string;
}

export class Metrics {
  readonly #registry = new Registry();
  readonly #own: readonly (readonly [Metric, Gauge | Counter])[];

  constructor() {
    const registers = [this.#registry];
    for (const collect of DEFAULTS) collect(this.#registry);
    this.#own = METRICS.map((metric) => {
      const { name, help, type, labels } = metric;
      const options = { name, help, labelNames: labels, registers };
      return [metric, type === "counter" ? new Counter(options) : new Gauge(options)];
    });
  }

  async expose(source: MetricSource): Promise<Exposition> {
    for (const [metric, instrument] of this.#own) {
      instrument.reset();
      for (const { labels = {}, value } of metric.read(source)) instrument.inc(labels, value);
    }
    return { contentType: this.#registry.contentType, text: await this.#registry.metrics() };
  }
}
