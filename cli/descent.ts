/**
 * Goes into folders below one that is held, and holds each on the way, so that none of them is a
 * link and none can become one meanwhile: O_NOFOLLOW alone guards only the last part of a path.
 */
import { closeSync, constants, lstatSync, mkdirSync, openSync, unlinkSync } from "node:fs";
import { join } from "node:path";
import { FaultError } from "../protocol/faults.ts";
import { errorCode } from "./folder.ts";

/** What is held at one depth. */
interface Held {
  readonly name: string;
  /** Where it is for the system. */
  readonly at: string;
  readonly fd: number | undefined;
}

export class Descent {
  readonly #root: string;
  readonly #ours: boolean;
  readonly #held: Held[] = [];
  #folder = "";

  /**
   * @param root where the outermost folder is for the system, held by the caller
   * @param ours whether all below it is ours, so that what is in the way may go
   */
  constructor(root: string, ours = false) {
    this.#root = root;
    this.#ours = ours;
  }

  /**
   * The folder of that path ("" is the root), for the system, until the next call. Undefined when
   * it is not there, or made with all above it.
   * @throws FaultError "in-the-way" when a link or a file has the name of a folder on the way
   */
  enter(path: string, make = false): string | undefined {
    if (path === this.#folder && path !== "") return this.#held.at(-1)?.at;
    const names = path === "" ? [] : path.split("/");
    let depth = 0;
    while (depth < names.length && this.#held[depth]?.name === names[depth]) depth++;
    this.#leave(depth);
    for (const name of names.slice(depth)) {
      const at = join(this.#held.at(-1)?.at ?? this.#root, name);
      const held = this.#hold(name, at, make, path);
      if (held === undefined) {
        this.#folder = names.slice(0, this.#held.length).join("/");
        return undefined;
      }
      this.#held.push(held);
    }
    this.#folder = path;
    return this.#held.at(-1)?.at ?? this.#root;
  }

  /** Where an entry of that path is for the system, until the next call; undefined without its folder. */
  place(path: string, make = false): string | undefined {
    const slash = path.lastIndexOf("/");
    const folder = this.enter(slash === -1 ? "" : path.slice(0, slash), make);
    return folder === undefined ? undefined : join(folder, path.slice(slash + 1));
  }

  close(): void {
    this.#leave(0);
    this.#folder = "";
  }

  [Symbol.dispose](): void {
    this.close();
  }

  #hold(name: string, at: string, make: boolean, path: string): Held | undefined {
    try {
      if (make) makeFolder(at);
      if (process.platform !== "linux") {
        if (!lstatSync(at).isDirectory()) throw new FaultError("in-the-way", path);
        return { name, at, fd: undefined };
      }
      const { O_RDONLY, O_DIRECTORY, O_NOFOLLOW } = constants;
      const fd = openSync(at, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
      return { name, at: `/proc/self/fd/${fd}`, fd };
    } catch (error) {
      const code = errorCode(error);
      if (code === "ENOENT") return undefined;
      if (code !== "ELOOP" && code !== "ENOTDIR") throw error;
      if (!this.#ours || !make) throw new FaultError("in-the-way", path);
      unlinkSync(at);
      return this.#hold(name, at, make, path);
    }
  }

  #leave(depth: number): void {
    for (const { fd } of this.#held.splice(depth)) if (fd !== undefined) closeSync(fd);
  }
}

function makeFolder(at: string): void {
  try {
    mkdirSync(at);
  } catch (error) {
    if (errorCode(error) !== "EEXIST") throw error;
  }
}
