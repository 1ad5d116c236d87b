import { resolve } from "node:path";

import { isLobby, type Code } from "../../protocol/code/code.ts";
import { toHex } from "../../protocol/wire/bytes.ts";
import { RECEIVER_NAME_CHARACTERS } from "../../protocol/wire/limits.ts";
import {
  parseConnections,
  parseConnectTimeout,
  parseRate,
  parseTimeout,
} from "../arguments/values.ts";
import { nameProblem } from "../../protocol/content/names.ts";
import { optionsIn, usage, withoutOptions } from "../arguments/command-line.ts";
import { runClient } from "./run-client.ts";
import { carryOptions, relayFor } from "./carry-options.ts";
import type { Call } from "./command.ts";
import type { RecvValues } from "./transfer-commands.ts";
import { carriedCode, receiverCode } from "./code-input.ts";
import { workingFolder, shellLine } from "../system/shell.ts";
import { startDeadline } from "../system/interrupts.ts";
import { ownName, receive } from "../library/library.ts";
import { canAsk } from "../screen/own-terminal.ts";
import { note, placeRelay, relayOfCode, relayOfOptions } from "../connection/command-relay.ts";
import type { ForOthers } from "../connection/for-others.ts";
import { webLink } from "../connection/relay-address.ts";
import { placesOf } from "../connection/relay-choice.ts";
import type { ClientEvent } from "../job/event-schema.ts";
import type { OnExists } from "../job/jobs.ts";
import { openScreen } from "../screen/mod.ts";
import { notePlace } from "../system/state-place.ts";

const LOBBY_PREFIX = "rcv_";
const SEEN_BY_OTHERS =
  "other users of this machine can see that code in the list of processes; fileshare recv alone asks for it.";

/** Everything that can be wrong in the command line is found before the thread starts. */
export async function runRecv(values: RecvValues, call: Call): Promise<number> {
  const { raw, args } = call;
  if (values.yes && values.ask) throw usage("give either --yes or --ask");
  if (values.out === "") throw usage("--out takes a folder");
  const onExists = policyOf(values);
  if (values.stdout) checkStdout(values);
  const limit = values.limit === undefined ? undefined : parseRate("--limit", values.limit);
  const connections = parseConnections(values.connections);
  const timeout = values["connect-timeout"];
  const connectTimeoutMs = parseConnectTimeout(timeout);
  using deadline = startDeadline(parseTimeout(values.timeout));
  const name = receiverName(values.name);
  checkPrefix(values.prefix);
  const usual = relayOfOptions(values, call);
  // It is written down nowhere.
  const words = withoutOptions(raw, args, ["token"]);
  const typedCode = values.code.length > 0;
  const carry = values.carry || values.port !== undefined ? carryOptions(values, call) : undefined;
  const insists = carry?.insists ?? false;
  const given = insists
    ? carriedCode({ ...values, words: values.code })
    : await receiverCode({ ...values, words: values.code });
  const { relay: choice, token, notes } = relayOfCode(given, usual);
  const { code } = given;
  const lobby = isLobby(code);
  if (lobby && timeout !== undefined) {
    throw usage(
      "--connect-timeout does not work in the lobby, where the receiver retries for ever",
    );
  }
  if (lobby && values.stdout)
    throw usage("--stdout does not work in the lobby, where many files come");
  // Content at the standard output replaces no file here.
  const ask = lobby ? values.ask : !values.yes && !values.stdout;
  checkCanAnswer(ask, values.json);
  if (typedCode && !lobby) notes.push(SEEN_BY_OTHERS);
  if (!values.json && !values.quiet) note(notes);
  notePlace(process.env, values);
  const placed = await placeRelay(choice, {
    ...values,
    connectTimeoutMs: lobby ? undefined : connectTimeoutMs,
  });
  const { relay, master, carried } =
    carry !== undefined && insists ? await relayFor(placed, code, true, carry) : { relay: placed };
  await using _carried = carried;
  // Without an address the receiver looks in the network, for as long as it takes.
  const isEndless = lobby || (timeout === undefined && relay.route === "this-machine");
  const client = receive({
    relay: placesOf(relay).map(({ address }) => address),
    route: relay.route,
    ca: values.ca,
    token: carried?.token ?? token,
    code,
    master,
    name,
    lobby,
    out: resolve(workingFolder(), values.out ?? "."),
    prefix: values.prefix ?? (lobby ? LOBBY_PREFIX : ""),
    ask,
    allNames: values.json,
    // Anybody may send to the lobby, so one word alone is not enough there.
    hidden: values.hidden && (values.yes || !lobby),
    executables: values.executables && (values.yes || !lobby),
    many: values.yes,
    onExists,
    checksum: values.checksum,
    checksumFile: values["checksum-file"],
    renameUnsafe: values["rename-unsafe"],
    stdout: values.stdout,
    again: lobby ? undefined : { cwd: workingFolder(), words: ["recv", ...optionsIn(words, args)] },
    limit,
    connections,
    connectTimeoutMs: isEndless ? Infinity : connectTimeoutMs,
    timeoutMs: deadline.handOver(),
  });
  // A code of `--carry` is on the screen, and the same words alone would make another.
  const addsCode = carried !== undefined && !typedCode && !lobby;
  const again = shellLine(["fileshare", "recv", ...words, ...(addsCode ? [code] : [])]);
  const carrying = await carried?.carrying();
  const screen = await openScreen(
    {
      side: "receiver",
      lobby,
      ...(carried && carrying && forSender(code, lobby, carried.forOthers(carrying))),
      listsAddresses: values.addresses,
      // A code that was kept off the screen stays off it.
      again: () =>
        typedCode || addsCode ? `To resume: ${again}` : "To resume, run the same command again",
      onExists,
      stdout: values.stdout,
    },
    values,
  );
  if (!carried || !carrying || master === undefined) return runClient(client, screen);
  const { keysOfMasterText } = await import("../job/job-keys.ts");
  const first: ClientEvent = {
    event: "code",
    code,
    channel: toHex(keysOfMasterText(master).channel),
  };
  // Awaited, as the relay ends with this function.
  return await runClient(carried.attend(client, carrying, first), screen);
}

/** The lines about a relay of this command, for its sender. */
function forSender(code: Code, lobby: boolean, { relay, note }: ForOthers) {
  const name = lobby ? ["--lobby"] : ["--code", code];
  const page = webLink(relay.address, "").replace(/#$/, "");
  const how = lobby ? "send" : "send under this code";
  return {
    otherSide: shellLine(["fileshare", "send", ...name, ...relay.args, "FILE"]),
    extra: [`Or open ${page} in a browser, and ${how} there`, "", ...(note ? [note, ""] : [])],
  };
}

function policyOf({ overwrite, rename, skip }: RecvValues): OnExists | undefined {
  const given = [overwrite && "overwrite", rename && "number", skip && "skip"] as const;
  const chosen = given.filter((one) => one !== false);
  if (chosen.length > 1) throw usage("give one of --overwrite, --rename and --skip");
  return chosen[0];
}

function checkStdout(values: RecvValues): void {
  const { out, overwrite, rename, skip, prefix } = values;
  const saves = overwrite || rename || skip || out !== undefined || prefix !== undefined;
  if (saves)
    throw usage("--stdout saves nothing; leave out --out and the options for existing files");
  if (values["checksum-file"]) {
    throw usage("--stdout saves no file that --checksum-file could list; leave out one of them");
  }
  if (process.stdout.isTTY) {
    throw usage("--stdout does not write to a terminal; redirect it into a file or a program");
  }
}

function checkCanAnswer(ask: boolean, json: boolean): void {
  if (!ask) return;
  if (json) throw usage("--json asks no question; give --yes to take the offer");
  if (canAsk()) return;
  throw usage("there is no terminal for a question; give --yes to take the offer");
}

function receiverName(given: string | undefined): string {
  if (given === undefined) return ownName();
  if (given.trim() !== "" && given.length <= RECEIVER_NAME_CHARACTERS) return given;
  throw usage(`--name takes 1 to ${RECEIVER_NAME_CHARACTERS} characters`);
}

function checkPrefix(prefix: string | undefined): void {
  if (prefix === undefined) return;
  const problem = nameProblem(`${prefix}x`);
  if (problem !== undefined) throw usage(`--prefix does not start a safe name: ${problem}`);
}
