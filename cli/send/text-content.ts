import { utf8 } from "../../protocol/wire/bytes.ts";
import { FaultError } from "../../protocol/wire/faults.ts";
import { TEXT_BYTES } from "../../protocol/wire/limits.ts";
import type { ManifestFile } from "../../protocol/content/manifest.ts";
import type { SafeName } from "../../protocol/content/names.ts";
import type { Content } from "./source.ts";

/** A text that receivers show instead of saving it. */
export class TextContent implements Content {
  readonly name: SafeName;
  readonly more = 0;
  readonly about: SafeName;
  readonly kind = "text";
  readonly states = undefined;
  readonly lost = [];
  readonly unsound = [];
  readonly unproved = new Set<number>();
  readonly isProved = true;
  readonly files: readonly ManifestFile[];
  readonly #bytes: Uint8Array;

  /** @throws FaultError "share-too-big" */
  constructor(text: string, name: SafeName) {
    this.#bytes = utf8(text.toWellFormed());
    const size = this.#bytes.length;
    if (size > TEXT_BYTES) throw new FaultError("share-too-big", `a text of ${size} bytes`);
    this.name = name;
    this.about = name;
    this.files = [{ path: name, type: "file", size, mode: 0, mtime: 0 }];
  }

  stamps(): BigUint64Array {
    return new BigUint64Array(4);
  }

  read(position: number, length: number): Uint8Array {
    return this.#bytes.subarray(position, position + length);
  }

  filesIn(): number[] {
    return [0];
  }

  async prove(): Promise<void> {}

  close(): void {}
}
