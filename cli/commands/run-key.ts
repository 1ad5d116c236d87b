import { EXIT } from "../../protocol/faults.ts";
import { deriveKeys } from "../../protocol/keys.ts";
import { nodePrimitives } from "../../protocol/crypto-node.ts";
import { receiverCode } from "../code-input.ts";
import { jsonLine } from "../screen/json.ts";

export interface KeyValues {
  readonly code: string | undefined;
  readonly json: boolean;
}

/**
 * Prints the channel id in hex, as in `GET /c/<channel>/<share>`, and the content key in base64url,
 * as decoders of RFC 8188 take it. Who has that key can read every share of the code.
 */
export async function runKey({ code: argument, json }: KeyValues): Promise<number> {
  const code = await receiverCode({ argument, lobby: false, json });
  const { channel, content } = deriveKeys(code, nodePrimitives);
  const said = {
    channel: Buffer.from(channel).toString("hex"),
    key: Buffer.from(content).toString("base64url"),
  };
  if (json) process.stdout.write(jsonLine({ event: "key", ...said }));
  else process.stdout.write(`channel ${said.channel}\nkey     ${said.key}\n`);
  return EXIT.done;
}
