/** Reports of a relay as lines on the standard error: for people, or one JSON object each. */
import type { ConsolaInstance } from "consola";

import { shown } from "../screen/format.ts";
import { jsonLine } from "../screen/json.ts";

export const LOG_FORMS = ["pretty", "json"] as const;

/** As the relay has it; its module is loaded when a relay starts. */
interface Report {
  readonly level: "debug" | "info" | "warn" | "error";
  readonly event: string;
  readonly fields: Readonly<Record<string, string | number | boolean>>;
}

export type RelayLog = (report: Report) => void;

/** A reader of the log that is slower loses lines. bytes */
const WAITING_BYTES = 1024 * 1024;

export interface LogOutput {
  write(text: string): unknown;
  readonly writableLength: number;
}

/** Every line is plain JSON, and whatever a terminal would act upon is an escape in it. */
export function jsonLog(output: LogOutput, now: () => Date): RelayLog {
  let leftOut = 0;
  const line = ({ level, event, fields }: Report): string =>
    jsonLine({ time: now().toISOString(), level, event, ...fields });
  return (report) => {
    if (output.writableLength > WAITING_BYTES) {
      leftOut++;
      return;
    }
    if (leftOut > 0) {
      const fields = { count: leftOut };
      output.write(line({ level: "warn", event: "reports-left-out", fields }));
      leftOut = 0;
    }
    output.write(line(report));
  };
}

/** For people, in the way of everything that the command says. */
export function prettyLog(console: ConsolaInstance): RelayLog {
  return (report) => console[report.level](prettyText(report));
}

/** A trouble is a sentence; all else is `share-ended share=12 how=done`. */
export function prettyText({ event, fields }: Report): string {
  const { trouble, ...rest } = fields;
  if (typeof trouble === "string") return shown(trouble);
  const values = Object.entries(rest).map(([name, value]) => {
    const text = shown(`${value}`);
    return `${name}=${/[\s"=]/.test(text) || text === "" ? JSON.stringify(text) : text}`;
  });
  return [event, ...values].join(" ");
}
