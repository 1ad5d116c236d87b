/** Files that a person gives to the page become a list with paths. */
import { describe, expect, test } from "bun:test";
import { MANIFEST_FILES } from "../../../protocol/wire/limits.ts";
import { filesOfInput, filesOfPaste, sendableFiles } from "../../../web/source/chosen-files.ts";
import { handleNode, walk, type FileNode } from "../../../web/source/file-tree.ts";
import { laterFaultOf } from "../../support/disk.ts";

function fileNode(name: string): FileNode {
  return { name, file: () => Promise.resolve(new File(["a"], name)) };
}

function folderNode(name: string, children: readonly FileNode[]): FileNode {
  return { name, children: () => Promise.resolve(children) };
}

const paths = (files: readonly { path: string }[]): string[] => files.map(({ path }) => path);

test("an input for folders names each file with its folder, in the order of names", () => {
  const files = ["b/2.txt", "b/1.txt"].map((webkitRelativePath) =>
    Object.assign(new File([], webkitRelativePath.slice(2)), { webkitRelativePath }),
  );
  expect(paths(filesOfInput(files))).toEqual(["b/1.txt", "b/2.txt"]);
  const single = Object.assign(new File([], "x.txt"), { webkitRelativePath: "" });
  expect(paths(filesOfInput([single]))).toEqual(["x.txt"]);
});

test("a pasted picture gets a name with the time, and each of several another", () => {
  const pictures = [
    new File(["1"], "image.png"),
    new File(["2"], "image.png"),
    new File([], "a.txt"),
  ];
  const now = new Date(2026, 10, 29, 1, 20, 33);
  const files = filesOfPaste({ files: pictures } as unknown as DataTransfer, now);
  expect(paths(files)).toEqual([
    "pasted 2026-11-29 01.20.33.png",
    "pasted 2026-11-29 01.20.33 2.png",
    "a.txt",
  ]);
  expect(files[1]?.file?.name).toBe("pasted 2026-11-29 01.20.33 2.png");
  expect(files[1]?.file?.size).toBe(1);
});

describe("a walk", () => {
  test("finds whole trees, and names folders that hold nothing", async () => {
    const tree = folderNode("t", [folderNode("empty", []), folderNode("in", [fileNode("a")])]);
    const files = await walk([tree, fileNode("beside")]);
    expect(paths(files)).toEqual(["t/empty", "t/in/a", "beside"]);
    expect(files.map(({ file }) => file === undefined)).toEqual([true, false, false]);
  });

  test("reads handles of folders and files", async () => {
    const file = { kind: "file", name: "a", getFile: () => Promise.resolve(new File(["1"], "a")) };
    async function* values() {
      yield await Promise.resolve(file);
    }
    const folder = { kind: "directory", name: "t", values } as unknown as FileSystemHandle;
    expect(paths(await walk([handleNode(folder)]))).toEqual(["t/a"]);
  });

  test("ends at more files than a share takes, and at a loop", async () => {
    const one = fileNode("a");
    const many = folderNode(
      "t",
      Array.from({ length: MANIFEST_FILES }, () => one),
    );
    expect(await laterFaultOf(walk([many]))).toBe("share-too-big");
    const loop: FileNode = { name: "t", children: () => Promise.resolve([loop]) };
    const [deep] = await walk([loop]);
    expect(sendableFiles([deep!]).problem).toContain("deeper than");
  });

  test("says which entry cannot be read", async () => {
    const file = () => Promise.reject(new DOMException("gone", "NotFoundError"));
    expect(await laterFaultOf(walk([{ name: "a", file }]))).toBe("unreadable-file");
  });
});

test("names that receivers would refuse are told before a send begins", () => {
  const good = { path: "a/b.txt", file: undefined };
  const bad = Array.from({ length: 7 }, (_, i) => ({ path: `a/\u202e${i}`, file: undefined }));
  expect(sendableFiles([good])).toEqual({ files: [good], problem: undefined });
  const { files, problem } = sendableFiles([good, ...bad]);
  expect(files).toEqual([good]);
  expect(problem).toStartWith("7 names cannot be sent: ");
  expect(problem).toEndWith("and 2 more. Rename the files, or leave them out.");
  expect(sendableFiles(bad.slice(0, 1)).problem).toContain('"a/\\u{202e}0"');
});
