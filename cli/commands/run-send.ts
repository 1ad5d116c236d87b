import { homedir } from "node:os";

import { isLobby } from "../../protocol/code.ts";
import { CONNECT_TIMEOUT_MAX_MS, RECEIVERS_WANTED } from "../../protocol/limits.ts";
import { usage } from "../args.ts";
import { attend } from "../attend.ts";
import { startClient } from "../client.ts";
import { senderCode } from "../code-input.ts";
import { codeExtras } from "../code-extras.ts";
import { completePath } from "../complete-path.ts";
import { askLine, canAsk } from "../prompts.ts";
import { chooseRelay, receiveCommand } from "../relay-choice.ts";
import { openScreen } from "../screen/mod.ts";
import { shellLine } from "../shell.ts";
import { parseSeconds, parseWhole } from "../values.ts";

export interface SendValues {
  readonly file: string | undefined;
  readonly receivers: string | undefined;
  readonly stay: boolean;
  readonly code: string | undefined;
  readonly lobby: boolean;
  readonly relay: string | undefined;
  readonly "connect-timeout": string | undefined;
  readonly json: boolean;
  readonly quiet: boolean;
  readonly qr: boolean;
  readonly copy: boolean;
}

/** Everything that can be wrong in the command line is found before the thread starts. */
export async function runSend(values: SendValues, raw: readonly string[]): Promise<number> {
  const receivers = parseWhole("--receivers", values.receivers ?? "1", 1, RECEIVERS_WANTED);
  const timeout = values["connect-timeout"] ?? "10";
  const connectTimeoutMs = parseSeconds("--connect-timeout", timeout, CONNECT_TIMEOUT_MAX_MS);
  const relay = chooseRelay(values.relay);
  const code = senderCode(values.code, values.lobby);
  const lobby = isLobby(code);
  const path = values.file ?? (await askPath(values.json));
  const client = startClient({
    kind: "send",
    relay: relay.address,
    code,
    path,
    receivers,
    stay: values.stay,
    connectTimeoutMs,
  });
  const words = ["fileshare", "send", ...(values.file === undefined ? [path] : []), ...raw];
  // The environment, unlike arguments, is nobody else's to read.
  const chosen = lobby || values.code !== undefined;
  const command = `${chosen ? "" : `FILESHARE_CODE=${code} `}${shellLine(words)}`;
  const screen = await openScreen(
    {
      side: "sender",
      lobby,
      otherSide: receiveCommand(code, lobby, relay),
      extra: await codeExtras(values, relay.address, code),
      again: `To send it again under the same code: ${command}`,
      overwrite: false,
    },
    values,
  );
  return attend(client, screen);
}

/** Quotes around it and a leading ~ are taken as a shell takes them. */
async function askPath(json: boolean): Promise<string> {
  if (json || !canAsk()) throw usage("give the path of the file to send");
  const line = await askLine("File to send: ", { complete: completePath });
  const path = /^(["'])(.+)\1$/.exec(line)?.[2] ?? line.replace(/^~(?=\/)/, homedir());
  if (path === "") throw usage("give the path of the file to send");
  return path;
}
