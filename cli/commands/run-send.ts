/**
 * `fileshare send`: from options to a client that sends. It settles what is sent, under which code and by which relay,
 * waits until the code is known, opens the screen, and runs the client to its end. `registry.ts` calls it.
 */
import { isLobby } from "../../protocol/code/code.ts";
import {
  RECEIVERS_WANTED,
  WAIT_MAX_MS,
  parseConnections,
  parseConnectTimeout,
  parseRate,
  parseSeconds,
  parseTimeout,
  parseWhole,
} from "../arguments/values.ts";
import { usage, withoutOptions } from "../arguments/command-line.ts";
import { runClient, awaitCode } from "./run-client.ts";
import { carryOptions, relayFor } from "./carry-options.ts";
import type { Call } from "./command.ts";
import type { SendValues } from "./transfer-commands.ts";
import { storeOptions } from "./store-options.ts";
import { senderCode } from "./code-input.ts";
import type { SendJob } from "../job/jobs.ts";
import type { ForOthers } from "../connection/for-others.ts";
import { workingFolder, shellLine } from "../system/shell.ts";
import { send } from "../library/library.ts";
import { onInterrupt, startDeadline } from "../system/interrupts.ts";
import { canAsk } from "../screen/own-terminal.ts";
import { note, placeRelay, relayOfCode, relayOfOptions } from "../connection/command-relay.ts";
import { placesOf, receiveCommand, type RelayChoice } from "../connection/relay-choice.ts";
import { webLink } from "../connection/relay-address.ts";
import { openScreen } from "../screen/mod.ts";
import { notePlace } from "../system/state-place.ts";
import { whatToSend } from "./what-to-send.ts";

/**
 * Options of one run alone. The next run of this command goes on with the share, so it may not name another
 * (`--share`) nor begin one (`--new`). A token is written down nowhere.
 */
const FOR_ONE_RUN = ["share", "new", "token"];

/** Everything that can be wrong in the command line is found before the thread starts. */
export async function runSend(values: SendValues, call: Call): Promise<number> {
  const { raw, args } = call;
  // First, as paths that are missing with the folder itself are no slip of the pen.
  const cwd = workingFolder();
  if (values.share !== undefined && values.new) throw usage("give either --share or --new");
  if (values.share !== undefined && !/^[0-9a-f]{4,32}$/.test(values.share)) {
    throw usage("--share takes the id of a share, or at least its first 4 digits");
  }
  const receivers = parseWhole("--receivers", values.receivers ?? "1", 1, RECEIVERS_WANTED);
  const connectTimeoutMs = parseConnectTimeout(values["connect-timeout"]);
  using deadline = startDeadline(parseTimeout(values.timeout));
  const startWhen = startWhenOf(values);
  checkCanAnswer(values);
  const slow = values["drop-slow"];
  const dropSlowMs =
    slow === undefined ? undefined : parseSeconds("--drop-slow", slow, WAIT_MAX_MS);
  const store = storeOptions(values, call);
  const limit = values.limit === undefined ? undefined : parseRate("--limit", values.limit);
  const connections = parseConnections(values.connections);
  const usual = relayOfOptions(values, call);
  const carry = carryOptions(values, call);
  const own = senderCode(values.code, values.lobby);
  const { relay: choice, token, notes } = relayOfCode(own, usual);
  if (!values.json && !values.quiet) note(notes);
  // Of an earlier run: another code would be derived in vain.
  const given = call.earlier?.code ?? own.code;
  const lobby = isLobby(given);
  if (lobby && store !== undefined) throw usage("nothing is stored for the lobby");
  const { what, asked } = await whatToSend(values);
  const words = ["send", ...asked, ...withoutOptions(raw, args, FOR_ONE_RUN)];
  // Other users can read arguments, but not the environment.
  const codeChosen = lobby || values.code !== undefined || Boolean(process.env["FILESHARE_CODE"]);
  if (values.json && values.qr) throw usage("--json has no screen for --qr");
  notePlace(process.env, values);
  const placed = await placeRelay(choice, { ...values, connectTimeoutMs });
  const { relay, master, carried } = await relayFor(placed, given, codeChosen, carry);
  await using _carried = carried;
  const { client, code } = await awaitCode(
    send({
      relay: placesOf(relay).map(({ address }) => address),
      route: relay.route,
      ca: values.ca,
      // A token is for no relay that the network names.
      token: carried?.token ?? (relay.route === "network" ? "" : token),
      code: given,
      master,
      what,
      receivers,
      stay: values.stay,
      connectTimeoutMs,
      timeoutMs: deadline.handOver(),
      startWhen,
      store,
      ask: values.ask,
      dropSlowMs,
      limit,
      connections,
      strict: values.strict,
      // A text that was read from the standard input is not there for another run.
      keep:
        values.text === "-"
          ? undefined
          : {
              again: { cwd, words },
              share: values.share,
              anew: values.new,
              codeChosen,
            },
    }),
  );
  // Until the screen takes over, which loads a moment longer.
  using _ = onInterrupt(() => client.interrupt());
  const used = code?.code ?? given;
  const line = shellLine(["fileshare", ...words]);
  const inWords = code === undefined || lobby || values.code !== undefined;
  const variables = [
    ...(inWords ? [] : [`FILESHARE_CODE=${used}`]),
    ...(values.token === undefined ? [] : ["FILESHARE_TOKEN=..."]),
  ];
  // The thread has begun to send.
  const { resumeCommand } = await import("./unfinished.ts");
  const again = (): string => {
    const resume = code?.share === undefined ? undefined : resumeCommand(code.share);
    const how = code === undefined ? "" : " under the same code";
    if (resume === undefined) return `To send it again${how}: ${[...variables, line].join(" ")}`;
    const token = values.token === undefined ? "" : " --token ...";
    return `To resume with the same code: ${resume}${token}`;
  };
  const isSeen = !values.json && (!values.quiet || values.qr);
  const carrying = await carried?.carrying();
  const others =
    carrying && carried
      ? carried.forOthers(carrying)
      : isSeen && code !== undefined
        ? await othersReach(relay)
        : { relay, note: undefined };
  const screen = await openScreen(
    {
      side: "sender",
      goal: store === undefined || values.stay ? { receivers, stay: values.stay } : undefined,
      revoke: store && shellLine(["fileshare", "revoke", used]),
      lobby,
      otherSide: receiveCommand(used, lobby, others.relay),
      link: values.qr ? undefined : webLink(others.relay.address, used),
      links: values.qr ? undefined : linksOf(relay, others.relay, used),
      qr: values.qr,
      listsAddresses: values.addresses,
      extra: [
        ...(others.note === undefined ? [] : [others.note, ""]),
        ...(code === undefined ? [] : await extrasOf(values, others.relay.address, used)),
      ],
      again,
    },
    values,
  );
  // Awaited, as the relay ends with this function.
  return await runClient(carried && carrying ? carried.attend(client, carrying) : client, screen);
}

/** The web links at several relays, by the addresses that this command uses. */
function linksOf(relay: RelayChoice, others: RelayChoice, code: string): Record<string, string> {
  const shown = placesOf(others);
  const links = placesOf(relay).map(({ address }, at) => {
    return [address, webLink(shown[at]?.address ?? address, code)] as const;
  });
  return Object.fromEntries(links);
}

async function extrasOf(values: SendValues, relay: string, code: string): Promise<string[]> {
  if (!values.copy && !values.qr) return [];
  const { codeExtras } = await import("../screen/code-extras.ts");
  return codeExtras(values, relay, code);
}

async function othersReach(relay: RelayChoice): Promise<ForOthers> {
  const { forOthers } = await import("../connection/for-others.ts");
  return forOthers(relay);
}

function checkCanAnswer({ ask, json }: SendValues): void {
  if (!ask) return;
  if (json) throw usage("--json asks no question; leave out --ask");
  if (!canAsk()) throw usage("there is no terminal for a question; leave out --ask");
}

function startWhenOf(values: SendValues): SendJob["startWhen"] {
  const { "wait-for": least, "min-wait": min, "max-wait": max } = values;
  if (least === undefined && max !== undefined) {
    throw usage("--max-wait needs --wait-for");
  }
  if (least === undefined && min === undefined) return undefined;
  const receivers = parseWhole("--wait-for", least ?? "1", 1, RECEIVERS_WANTED);
  const minWaitMs = min === undefined ? 0 : parseSeconds("--min-wait", min, WAIT_MAX_MS);
  const maxWaitMs = max === undefined ? undefined : parseSeconds("--max-wait", max, WAIT_MAX_MS);
  if (maxWaitMs !== undefined && maxWaitMs < minWaitMs) {
    throw usage("--max-wait is less than --min-wait");
  }
  return { receivers, minWaitMs, maxWaitMs };
}
