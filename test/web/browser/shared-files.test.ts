/** Files and texts that another app shared wait for the page that sends them. */
import { expect, test } from "bun:test";
import { keepShared, sharedIn, takeShared } from "../../../web/browser/shared-files.ts";
import { MemoryStore } from "../../../web/browser/store.ts";

const textOf = (text: string) => ({ files: [], text });

test("a form of the share target becomes files and a text without repeats", () => {
  const form = new FormData();
  form.append("files", new File(["1"], "a.png"));
  form.append("files", new File(["2"], "b.png"));
  form.append("title", "A page");
  form.append("text", "Look at https://example.org/x");
  form.append("url", "https://example.org/x");
  const shared = sharedIn(form);
  expect(shared.files.map(({ name }) => name)).toEqual(["a.png", "b.png"]);
  expect(shared.text).toBe("A page\nLook at https://example.org/x");
  expect(sharedIn(new FormData())).toEqual({ files: [], text: undefined });
});

test("one page takes the newest thing, and it is gone then", async () => {
  const store = new MemoryStore();
  await keepShared(textOf("old"), store, 1000);
  await keepShared(textOf("new"), store, 2000);
  expect(await takeShared(store, 2001)).toEqual(textOf("new"));
  expect(await takeShared(store, 2001)).toEqual(textOf("old"));
  expect(await takeShared(store, 2001)).toBeUndefined();
});

test("of many shared things the last four wait, and none for more than an hour", async () => {
  const store = new MemoryStore();
  for (let at = 0; at < 6; at++) await keepShared(textOf(`${at}`), store, at);
  const taken: (string | undefined)[] = [];
  for (let i = 0; i < 5; i++) taken.push((await takeShared(store, 10))?.text);
  expect(taken).toEqual(["5", "4", "3", "2", undefined]);
  await keepShared(textOf("late"), store, 0);
  expect(await takeShared(store, 60 * 60 * 1000)).toBeUndefined();
});
