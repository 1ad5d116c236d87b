import { describe, expect, test } from "bun:test";

import { chart } from "./chart.ts";
import { sampleOf, type Sample } from "./sample.ts";
import { trendsOf } from "./verdict.ts";

const MiB = 2 ** 20;
const SAMPLES = 40;

/** A process that holds so much at each of 40 moments. */
function held(
  rssAnon: (at: number) => number,
  descriptors: (at: number) => number = () => 60,
): Sample[] {
  return Array.from({ length: SAMPLES }, (_, at) => ({
    at: at * 5,
    rssAnon: rssAnon(at),
    descriptors: descriptors(at),
    sockets: 10,
    mappedFiles: 30,
    threads: 12,
    cpuSeconds: at,
  }));
}

function grown(samples: readonly Sample[]): string[] {
  return trendsOf(samples).flatMap(({ held: each, isFlat }) => (isFlat ? [] : [each]));
}

describe("the memory of a process", () => {
  test("is flat when it goes up and down, and when it only warmed up", () => {
    expect(grown(held((at) => (at % 2 === 0 ? 60 : 120) * MiB))).toEqual([]);
    expect(grown(held((at) => Math.min(at * 20, 100) * MiB))).toEqual([]);
  });

  test("is flat as far as a run says that was too short to tell", () => {
    for (const samples of [0, 1, 2, 3]) {
      expect(grown(held(() => 60 * MiB).slice(0, samples))).toEqual([]);
    }
  });

  test("grows when it goes up all the time", () => {
    expect(grown(held((at) => (50 + 5 * at) * MiB))).toEqual(["rssAnon"]);
    expect(
      grown(
        held(
          () => 50 * MiB,
          (at) => 60 + 10 * at,
        ),
      ),
    ).toEqual(["descriptors"]);
  });
});

test("a chart has a line for each, with a point for every sample", () => {
  const svg = chart(
    held(() => 50 * MiB),
    "a <title>",
  );
  const lines = [...svg.matchAll(/<path d="M([^"]+)"/g)].map(([, points = ""]) =>
    points.split("L"),
  );
  expect(lines.map(({ length }) => length)).toEqual([SAMPLES, SAMPLES, SAMPLES, SAMPLES, SAMPLES]);
  expect(svg).toContain("a &lt;title>");
});

test.if(process.platform === "linux")("a process is looked at", () => {
  const sample = sampleOf(process.pid, 3);
  expect(sample.at).toBe(3);
  for (const each of [sample.rssAnon, sample.descriptors, sample.mappedFiles, sample.threads]) {
    expect(each).toBeGreaterThan(0);
  }
});
