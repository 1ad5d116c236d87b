/**
 * Goes into folders below one that is held, and holds each on the way, so that none of them is a
 * link and none can become one meanwhile: O_NOFOLLOW alone guards only the last part of a path.
 */
import { FaultError } from "../../protocol/wire/faults.ts";
import { errorCode } from "./system-error.ts";
import type { HeldFolder, Spot } from "./held-folder.ts";

interface Held {
  readonly name: string;
  readonly folder: HeldFolder;
}

export class Descent {
  readonly #root: HeldFolder;
  readonly #ours: boolean;
  readonly #held: Held[] = [];
  #path = "";

  /**
   * @param root the outermost folder, which the caller closes
   * @param ours whether all below it is ours, so that what is in the way may go
   */
  constructor(root: HeldFolder, ours = false) {
    this.#root = root;
    this.#ours = ours;
  }

  /**
   * The folder of that path ("" is the root), until the next call. Undefined when it is not there,
   * or made with all above it.
   * @throws FaultError "in-the-way" when a link or a file has the name of a folder on the way
   */
  enter(path: string, make = false): HeldFolder | undefined {
    if (path === this.#path && path !== "") return this.#held.at(-1)?.folder;
    const names = path === "" ? [] : path.split("/");
    let depth = 0;
    while (depth < names.length && this.#held[depth]?.name === names[depth]) depth++;
    this.#leave(depth);
    for (const name of names.slice(depth)) {
      const folder = this.#hold(name, this.#held.at(-1)?.folder ?? this.#root, make, path);
      if (folder === undefined) {
        this.#path = names.slice(0, this.#held.length).join("/");
        return undefined;
      }
      this.#held.push({ name, folder });
    }
    this.#path = path;
    return this.#held.at(-1)?.folder ?? this.#root;
  }

  /** Where an entry of that path is, until the next call; undefined without its folder. */
  place(path: string, make = false): Spot | undefined {
    const slash = path.lastIndexOf("/");
    const folder = this.enter(slash === -1 ? "" : path.slice(0, slash), make);
    return folder === undefined ? undefined : { folder, name: path.slice(slash + 1) };
  }

  close(): void {
    this.#leave(0);
    this.#path = "";
  }

  [Symbol.dispose](): void {
    this.close();
  }

  #hold(name: string, above: HeldFolder, make: boolean, path: string): HeldFolder | undefined {
    try {
      if (make) makeFolder(above, name);
      return above.enter(name);
    } catch (error) {
      const code = errorCode(error);
      if (code === "ENOENT") return undefined;
      if (code !== "ELOOP" && code !== "ENOTDIR") throw error;
      if (!this.#ours || !make) throw new FaultError("in-the-way", path);
      above.remove(name);
      return this.#hold(name, above, make, path);
    }
  }

  #leave(depth: number): void {
    for (const { folder } of this.#held.splice(depth)) folder.close();
  }
}

function makeFolder(above: HeldFolder, name: string): void {
  try {
    above.make(name);
  } catch (error) {
    if (errorCode(error) !== "EEXIST") throw error;
  }
}
