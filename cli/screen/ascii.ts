/** Marks of the screens for terminals that show no UTF-8. */

type Environment = Readonly<Record<string, string | undefined>>;

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
