/** Numbers, names, lists and addresses as the page shows them. */
import { describe, expect, test } from "bun:test";

import {
  isSameRelay,
  isThisMachine,
  lobbyDownload,
  pageAddress,
  shareLink,
  terminalCommand,
} from "../../../web/page/addresses.ts";
import { deviceName } from "../../../web/page/device-name.ts";
import { pageOf, ROWS_FIRST, ROWS_PER_PAGE } from "../../../web/page/list-pages.ts";
import { takeCode } from "../../../web/page/location-code.ts";
import { perSecond, reached, type Samples } from "../../../web/page/rate.ts";
import { nameOfAll, percent, shown, shownText, splitPath } from "../../../web/page/words.ts";

describe("texts of peers", () => {
  test("a name shows what would turn it around or hide", () => {
    expect(shown("photo\u202egnp.exe")).toBe("photo\\u{202e}gnp.exe");
    expect(shown("a\u0000b\nc")).toBe("a\\u{0}b\\u{a}c");
    expect(shown("שלום עולם")).toBe("שלום עולם");
  });

  test("a text keeps its lines and its emoji, and shows overrides of direction", () => {
    expect(shownText("a\r\nb\tc\n👩‍👩‍👧")).toBe("a\nb\tc\n👩‍👩‍👧");
    expect(shownText("x\u202ey\u0007")).toBe("x\\u{202e}y\\u{7}");
  });

  test("a share is called by its only file or folder", () => {
    expect(nameOfAll(["a/b/c.txt"])).toBe("c.txt");
    expect(nameOfAll(["a/b.txt", "a/c/d.txt"])).toBe("a");
    expect(nameOfAll(["a/b.txt", "ab/c.txt"])).toBe("2 files");
    expect(nameOfAll(["a", "b"])).toBe("2 files");
  });

  test("a path parts behind its last folder", () => {
    expect(splitPath("a/b/c")).toEqual({ folders: "a/b/", name: "c" });
    expect(splitPath("c")).toEqual({ folders: "", name: "c" });
  });
});

test("a share is at 100 % only with its last byte", () => {
  expect(percent(999, 1000)).toBe(99);
  expect(percent(1000, 1000)).toBe(100);
  expect(percent(0, 0)).toBe(100);
});

describe("a rate", () => {
  const run = (steps: readonly (readonly [number, number])[]): Samples =>
    steps.reduce<Samples>((samples, [at, bytes]) => reached(samples, bytes, at), []);

  test("is that of the last seconds", () => {
    const samples = run([
      [0, 0],
      [1000, 100],
      [2000, 200],
      [5000, 3200],
      [6000, 4200],
    ]);
    expect(perSecond(samples, 6000)).toBe(1000);
  });

  test("is unknown with one position, and zero after a silence", () => {
    expect(perSecond(run([[0, 5]]), 1000)).toBeUndefined();
    expect(
      perSecond(
        run([
          [0, 0],
          [1000, 100],
        ]),
        9000,
      ),
    ).toBe(0);
  });

  test("begins anew where the position goes back", () => {
    const samples = run([
      [0, 0],
      [1000, 500],
      [1100, 100],
    ]);
    expect(samples).toHaveLength(1);
  });

  test("holds a bounded number of positions", () => {
    const steps = Array.from({ length: 1000 }, (_, i) => [i, i] as const);
    expect(run(steps).length).toBeLessThan(100);
  });
});

describe("a long list", () => {
  test("shows its beginning, then pages", () => {
    expect(pageOf(100_000, false, 5)).toEqual({ page: 0, pages: 1, from: 0, to: ROWS_FIRST });
    const last = pageOf(100_001, true, 1e9);
    expect(last).toEqual({ page: 1000, pages: 1001, from: 100_000, to: 100_001 });
    expect(pageOf(0, true, 0)).toEqual({ page: 0, pages: 1, from: 0, to: 0 });
    expect(pageOf(250, true, 1).to).toBe(2 * ROWS_PER_PAGE);
  });
});

describe("addresses", () => {
  const page = "https://relay.example/prefix/?x=1#code";
  const socket = "wss://relay.example/prefix/ws";

  test("are those of the page and its relay, behind a prefix too", () => {
    expect(pageAddress(page)).toBe("https://relay.example/prefix/");
    expect(shareLink("a-b", page)).toBe("https://relay.example/prefix/#a-b");
    expect(terminalCommand("a-b", socket)).toBe(
      "fileshare recv --relay https://relay.example/prefix a-b",
    );
    expect(lobbyDownload("a b/#?.txt", socket)).toBe(
      "https://relay.example/prefix/lobby/a%20b/%23%3F.txt",
    );
  });

  test.each([
    "relay.example/prefix",
    "https://relay.example/prefix/",
    socket,
    "wss://other.example,wss://relay.example/prefix",
  ])("%s is this relay", (given) => {
    expect(isSameRelay(given, [pageAddress(page), socket])).toBeTrue();
  });

  test.each(["relay.example", "https://relay.example:8000/prefix", "other.example/prefix", "::"])(
    "%s is another relay",
    (given) => {
      expect(isSameRelay(given, [pageAddress(page), socket])).toBeFalse();
    },
  );
});

test("a name of the loopback is of this machine alone", () => {
  for (const name of ["localhost", "a.localhost", "127.0.0.1", "127.1.2.3", "[::1]"]) {
    expect(isThisMachine(name)).toBeTrue();
  }
  for (const name of ["localhost.example", "192.168.1.20", "128.0.0.1"]) {
    expect(isThisMachine(name)).toBeFalse();
  }
});

describe("the code of a link", () => {
  test("leaves the address at once, and is given without its escapes", () => {
    const replaced: string[] = [];
    const history = { replaceState: (_: unknown, __: string, url: string) => replaced.push(url) };
    const place = { hash: "#a%20b", pathname: "/prefix/", search: "?x" };
    expect(takeCode(place, history)).toBe("a b");
    expect(replaced).toEqual(["/prefix/?x"]);
    expect(takeCode({ ...place, hash: "#%E0%" }, history)).toBe("%E0%");
  });

  test("is none where nothing stands behind #", () => {
    const history = {
      replaceState: () => {
        throw new Error("the history stays");
      },
    };
    expect(takeCode({ hash: "", pathname: "/", search: "" }, history)).toBeUndefined();
    expect(takeCode({ hash: "#", pathname: "/", search: "" }, history)).toBeUndefined();
  });
});

test.each([
  ["Mozilla/5.0 (X11; Linux x86_64; rv:153.0) Gecko/20100101 Firefox/153.0", "Firefox on Linux"],
  [
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.0 Mobile/15E148 Safari/604.1",
    "Safari on iPhone",
  ],
  [
    "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/156.0.0.0 Mobile Safari/537.36",
    "Chrome on Android",
  ],
  [
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/156.0.0.0 Safari/537.36 Edg/156.0.0.0",
    "Edge on Windows",
  ],
  ["curl/8", "Browser"],
])("a browser is called by its kind and system: %s", (userAgent, name) => {
  expect(deviceName(userAgent)).toBe(name);
});
