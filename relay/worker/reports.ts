/** Reports of a relay to its operator. */

export const REPORT_LEVELS = ["debug", "info", "warn", "error"] as const;
export type ReportLevel = (typeof REPORT_LEVELS)[number];

/**
 * An event for the operator. It holds no codes, no names of files or receivers, and no ids of channels and shares.
 * Only `fields` hold words of a peer; printers escape and cut them.
 */
export interface Report {
  readonly level: ReportLevel;
  /** Two or three words with hyphens that never change, such as `worker-failed`. */
  readonly event: string;
  readonly fields: Readonly<Record<string, string | number | boolean>>;
}

export type Reporter = (report: Report) => void;

/** Of one thread, so that a client whose sockets fail all day fills no disk. per second */
export const REPORTS_PER_SECOND = 50;
/** Of each text in a report. UTF-16 units */
export const REPORT_TEXT = 200;
const SECOND_MS = 1000;

/** Of one kind of requests to the store. @param trouble undefined: it answers again */
export function reportAway(report: Reporter, request: string, trouble: string | undefined): void {
  if (trouble === undefined) report({ level: "info", event: "store-back", fields: { request } });
  else report({ level: "warn", event: "store-away", fields: { request, trouble } });
}

/** The reports of one thread, limited in level, number per second and length. */
export class Reports {
  readonly #report: Reporter;
  readonly #least: number;
  #secondAt = 0;
  #told = 0;
  #leftOut = 0;

  constructor(report: Reporter, least: ReportLevel) {
    this.#report = report;
    this.#least = REPORT_LEVELS.indexOf(least);
  }

  /** Whether a report of that level would leave now. */
  wants(level: ReportLevel): boolean {
    if (REPORT_LEVELS.indexOf(level) < this.#least) return false;
    if (this.#told < REPORTS_PER_SECOND) return true;
    this.#leftOut++;
    return false;
  }

  readonly report: Reporter = ({ level, event, fields }) => {
    if (!this.wants(level)) return;
    this.#told++;
    this.#report({ level, event, fields: shortened(fields) });
  };

  /** @param now ms */
  tick(now: number): void {
    if (now - this.#secondAt < SECOND_MS) return;
    this.#secondAt = now;
    this.#told = 0;
    if (this.#leftOut === 0) return;
    const count = this.#leftOut;
    this.#leftOut = 0;
    this.#report({ level: "warn", event: "reports-left-out", fields: { count } });
  }
}

function shortened(fields: Report["fields"]): Report["fields"] {
  const isLong = (value: string | number | boolean): value is string => {
    return typeof value === "string" && value.length > REPORT_TEXT;
  };
  if (!Object.values(fields).some(isLong)) return fields;
  return Object.fromEntries(
    Object.entries(fields).map(([name, value]) => {
      return [name, isLong(value) ? `${value.slice(0, REPORT_TEXT)}…` : value];
    }),
  );
}
