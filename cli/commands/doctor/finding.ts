/** What a check found. */
export interface Finding {
  readonly name: string;
  readonly verdict: "fine" | "warning" | "failed";
  /** A sentence without its stop. */
  readonly message: string;
  /** What can be done about it. */
  readonly advice?: string;
}
