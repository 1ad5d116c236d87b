import { expect, test } from "bun:test";

import { withTables } from "../docs/tables.ts";

test("the tables of docs/protocol.md are those of the code", async () => {
  const page = await Bun.file(new URL("../docs/protocol.md", import.meta.url)).text();
  const cells = (text: string): string[] =>
    text.split("\n").map((line) => line.replace(/-{3,}/g, "---").replace(/ +/g, " "));
  // Formatting pads the cells; the words are what matters.
  expect(cells(page)).toEqual(cells(withTables(page)));
  expect(page.match(/<!-- table: /g)).toHaveLength(3);
});
