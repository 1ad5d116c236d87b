/** What to do about names that are taken where something is received. */

/**
 * `number`: take `name (1)` and so on, for a whole folder as for a file. `overwrite`: replace files,
 * also inside of folders that are there; nothing else is ever replaced. `skip`: leave what is there
 * and take what is missing. `fail`: take nothing.
 */
export const ON_EXISTS = ["number", "overwrite", "skip", "fail"] as const;
export type OnExists = (typeof ON_EXISTS)[number];

export interface Policy {
  readonly onExists: OnExists;
  /** Put before every outermost name, for example "rcv_". */
  readonly prefix: string;
  /** Whether a file counts as here already by its content, and not by its size and time. */
  readonly checksum: boolean;
}
