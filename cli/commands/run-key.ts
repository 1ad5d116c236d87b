import { EXIT } from "../../protocol/wire/faults.ts";
import {
  capabilityOf,
  ciphertextPath,
  deriveKeys,
  SHARE_BYTES,
} from "../../protocol/crypto/keys.ts";
import { fromHex } from "../../protocol/wire/bytes.ts";
import { nodePrimitives } from "../../protocol/crypto/crypto-node.ts";
import { usage } from "../arguments/command-line.ts";
import type { KeyValues } from "./local-commands.ts";
import { receiverCode } from "./code-input.ts";
import { jsonLine } from "../screen/json.ts";

/**
 * Prints the channel id in hex, the content key in base64url, as decoders of RFC 8188 take it, and the
 * path of a share's ciphertext at a relay. That key opens every share of the code.
 */
export async function runKey({ code: words, share, json }: KeyValues): Promise<number> {
  const id = share === undefined ? undefined : fromHex(share);
  if (share !== undefined && id?.length !== SHARE_BYTES) {
    throw usage("--share takes the 32 hex digits of a share, as send --json prints them");
  }
  const { code } = await receiverCode({ words, lobby: false, json });
  const keys = deriveKeys(code, nodePrimitives);
  const said = {
    channel: keys.channel.toHex(),
    key: Buffer.from(keys.content).toString("base64url"),
    ...(id && { path: ciphertextPath(id, capabilityOf(keys, nodePrimitives, id)) }),
  };
  if (json) process.stdout.write(jsonLine({ event: "key", ...said }));
  else {
    const path = said.path === undefined ? "" : `path    ${said.path}\n`;
    process.stdout.write(`channel ${said.channel}\nkey     ${said.key}\n${path}`);
  }
  return EXIT.done;
}
