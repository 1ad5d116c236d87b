/** The files of an offer: what is told of them. */
import { expect, test } from "bun:test";

import { renamedFiles } from "../../../web/page/offer-files.ts";
import { file } from "../save/offers.ts";

test("F9 F11 names that are changed are told, the first of them by name", () => {
  const changed = { ...file("a_b", 1), sent: "a:b" };
  expect(renamedFiles([file("x", 1), changed, { ...file("a~1", 1), sent: "A" }])).toEqual({
    count: 2,
    from: "a:b",
    to: "a_b",
  });
  expect(renamedFiles([file("x", 1)])).toBeUndefined();
});
