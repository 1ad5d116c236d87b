/** A strict reader of Prometheus' text format 0.0.4: whatever its document does not allow is an error. */

export interface Sample {
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

export interface Family {
  readonly type: string;
  readonly help: string;
  readonly samples: readonly Sample[];
}

const NAME = /^[a-zA-Z_:][a-zA-Z0-9_:]*$/;
const SAMPLE = /^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})? (\S+)$/;
const LABEL = /^([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\["\\n])*)"(?:,(?=.)|$)/;
const VALUE = /^(?:NaN|[+-]Inf|[+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?)$/i;

/** @throws Error for the first line that is not as it must be */
export function parseExposition(text: string): Map<string, Family> {
  if (!text.endsWith("\n")) throw new Error("the last line does not end");
  const families = new Map<string, { type: string; help: string; samples: Sample[] }>();
  const seen = new Set<string>();
  let help: [name: string, text: string] | undefined;
  let current = "";
  for (const line of text.slice(0, -1).split("\n")) {
    if (line === "") continue;
    const [, kind, name = "", rest = ""] = /^# (HELP|TYPE) (\S+) (.*)$/.exec(line) ?? [];
    if (kind === "HELP") {
      if (help !== undefined || !NAME.test(name)) throw new Error(line);
      help = [name, rest];
    } else if (kind === "TYPE") {
      const isType = ["counter", "gauge", "histogram", "summary", "untyped"].includes(rest);
      if (help?.[0] !== name || !isType || families.has(name)) throw new Error(line);
      families.set(name, { type: rest, help: help[1], samples: [] });
      [current, help] = [name, undefined];
    } else {
      const [, of = "", labels = "", value = ""] = SAMPLE.exec(line) ?? [];
      // Of one name all lines stand together.
      if (of !== current || help !== undefined || !VALUE.test(value)) throw new Error(line);
      const sample = { labels: labelsOf(labels), value: Number(value) };
      const key = `${of} ${JSON.stringify(Object.entries(sample.labels).map(String).toSorted())}`;
      if (seen.has(key)) throw new Error(`twice: ${line}`);
      seen.add(key);
      families.get(of)?.samples.push(sample);
    }
  }
  return families;
}

function labelsOf(text: string): Record<string, string> {
  const labels: Record<string, string> = {};
  let rest = text;
  while (rest !== "") {
    const [all = "", name = "", value = ""] = LABEL.exec(rest) ?? [];
    if (all === "" || name in labels || name.startsWith("__")) throw new Error(`labels ${text}`);
    labels[name] = value;
    rest = rest.slice(all.length);
  }
  return labels;
}
