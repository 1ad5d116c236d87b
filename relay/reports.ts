/** What the relay tells whoever runs it. */

export type ReportLevel = "debug" | "info" | "warn" | "error";

/**
 * Something that an operator may want to know. No codes, no names of files or receivers, no ids of
 * channels and shares; what a peer said is in `fields` alone, where whoever prints escapes and cuts it.
 */
export interface Report {
  readonly level: ReportLevel;
  /** Two or three words with hyphens that never change, such as `worker-failed`. */
  readonly event: string;
  readonly fields: Readonly<Record<string, string | number | boolean>>;
}

export type Reporter = (report: Report) => void;
