import { expect, test } from "bun:test";

import { FilePositions } from "../../../cli/job/progress.ts";

const files = [
  { path: "empty", size: 0 },
  { path: "a", size: 10 },
  { path: "none", size: 0 },
  { path: "b", size: 5 },
];

test.each([
  [0, "a", 0],
  [9, "a", 9],
  [10, "b", 0],
  [14, "b", 4],
  [15, "b", 5],
  [99, "b", 5],
])("position %d is in %s, at %d", (position, name, bytes) => {
  const at = new FilePositions(files).at(position);
  expect(at).toMatchObject({ name, bytes, of: 4 });
});

test("one file alone is not named", () => {
  expect(new FilePositions([{ path: "a", size: 1 }]).at(0)).toBeUndefined();
  expect(new FilePositions([]).at(0)).toBeUndefined();
});
