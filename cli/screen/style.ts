/** How text is drawn: colours, and marks for terminals that show no UTF-8. */
import { styleText } from "node:util";

import type { Environment } from "../system/shell.ts";

export type Paint = (text: string) => string;

export interface Style {
  readonly bold: Paint;
  readonly dim: Paint;
  readonly red: Paint;
  readonly green: Paint;
  readonly yellow: Paint;
  readonly cyan: Paint;
}

/** NO_COLOR (no-color.org) wins over all; a dumb terminal has no colours. */
export function hasColor(isTerminal: boolean, env: Environment): boolean {
  return isTerminal && (env["NO_COLOR"] ?? "") === "" && env["TERM"] !== "dumb";
}

export function makeStyle(color: boolean): Style {
  const paint =
    (format: keyof Style): Paint =>
    (text) =>
      color ? styleText(format, text, { validateStream: false }) : text;
  return {
    bold: paint("bold"),
    dim: paint("dim"),
    red: paint("red"),
    green: paint("green"),
    yellow: paint("yellow"),
    cyan: paint("cyan"),
  };
}

/** As the C library reads the locale: the first of these that is set counts. */
export function showsUtf8(env: Environment, platform: NodeJS.Platform): boolean {
  const locale = [env["LC_ALL"], env["LC_CTYPE"], env["LANG"]].find((value) => value);
  // Terminals of macOS and Windows show UTF-8, and set no locale everywhere.
  if (locale === undefined) return platform === "darwin" || platform === "win32";
  return /utf-?8/i.test(locale);
}

const MARKS: Readonly<Record<string, string>> = { "█": "#", "░": "-", "…": "~" };

/** The same text, as wide, with marks of ASCII. */
export function asciiMarks(text: string): string {
  return text.replaceAll(/[█░…]/g, (mark) => MARKS[mark] ?? mark);
}
