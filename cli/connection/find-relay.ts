/**
 * The relay on a host that was given without a scheme and a port, such as `relay.example`. Three addresses are
 * tried at once, and the first of them at which a relay answers is taken:
 *
 *     wss://relay.example:443   behind a proxy, or a relay with a certificate
 *     ws://relay.example:8000   a relay as `fileshare relay` starts it
 *     ws://relay.example:80     a relay or a proxy without TLS
 *
 * An address with a scheme or a port is taken at its word, so `wss://` never becomes `ws://`. Of several relays one that is
 * known or found is enough: a host without an answer stays in the list with all three of its addresses.
 */
import { decodeControl, FAULTS, FaultError, type FaultCode } from "../../protocol/mod.ts";
import { relayAddress, shownAddress } from "./relay-address.ts";
import { onInterrupt } from "../system/interrupts.ts";
import { RelayLink } from "./relay-link.ts";
import { atPlaces, isPlaced, placesOf, RELAY_PORT, type RelayChoice } from "./relay-choice.ts";
import { setTimeout as sleep } from "node:timers/promises";

/** The time for an address to answer. ms */
const ANSWER_MS = 3000;
/** An address that answered waits so long for a more wanted one. ms */
const PREFERENCE_MS = 500;
/** Between two tries, as long as nothing answers at all. ms */
const AGAIN_MS = 500;

/** The reason why no relay answers at an address. */
interface NoRelay {
  readonly address: string;
  readonly fault: FaultCode;
  readonly why: string | undefined;
}

interface Found {
  readonly address: string | undefined;
  readonly others: readonly NoRelay[];
}

interface Finding {
  /** Gets a sentence about the address that was found. */
  readonly note?: ((sentence: string) => void) | undefined;
  /** Ends the search, as Ctrl-C does. */
  readonly signal?: AbortSignal | undefined;
}

/** The addresses of a host, the most wanted first. */
export function candidatesOn(host: string): string[] {
  const [, name = "", path = ""] = /^([^/]*)(.*)$/.exec(host) ?? [];
  return [`wss://${host}`, `ws://${name}:${RELAY_PORT}${path}`, `ws://${host}`].map(relayAddress);
}

/**
 * The same choice with an address at which a relay answers.
 * @param timeoutMs the time for something to answer; undefined: no limit
 * @throws FaultError "interrupted", or why there is none
 */
export async function findRelay(
  choice: RelayChoice,
  timeoutMs: number | undefined,
  { note = () => undefined, signal }: Finding = {},
): Promise<RelayChoice> {
  if (isPlaced(choice)) return choice;
  const interrupted = Promise.withResolvers<never>();
  interrupted.promise.catch(() => undefined);
  const interrupt = (): void => interrupted.reject(new FaultError("interrupted"));
  using _ = onInterrupt(interrupt);
  if (signal?.aborted === true) interrupt();
  signal?.addEventListener("abort", interrupt, { once: true });
  const giveUpAt = performance.now() + (timeoutMs ?? Infinity);
  for (;;) {
    const patience = Math.min(ANSWER_MS, timeoutMs ?? Infinity);
    const tried = placesOf(choice).map(async ({ address, host }) => {
      if (host === undefined) return { host: "", address, others: [] };
      const { address: found, others } = await firstRelay(candidatesOn(host), choice.ca, patience);
      return { host, address: found, others };
    });
    const all = await Promise.race([Promise.all(tried), interrupted.promise]);
    if (all.some(({ address }) => address !== undefined)) {
      const found = all.flatMap(({ host, address, others }) => {
        if (address !== undefined && host !== "") note(foundNote(host, address, others));
        return address === undefined ? candidatesOn(host) : [address];
      });
      const args = ["--relay", found.map(shownAddress).join(",")];
      return {
        ...atPlaces(
          choice,
          found.map((address) => ({ address })),
        ),
        args,
      };
    }
    const hopeless = all.every(({ others }) => others.some(({ fault }) => !FAULTS[fault].retry));
    if (hopeless || performance.now() + AGAIN_MS >= giveUpAt) {
      const hosts = all.map(({ host }) => host).join(", ");
      throw noneFound(
        hosts,
        all.flatMap(({ others }) => others),
      );
    }
    await Promise.race([sleep(AGAIN_MS), interrupted.promise]);
  }
}

function foundNote(host: string, address: string, others: readonly NoRelay[]): string {
  const before = others.map(reasonOf).join("; ");
  return `the relay on ${host} is ${shownAddress(address)}${before === "" ? "" : ` (${before})`}.`;
}

function reasonOf({ address, fault, why }: NoRelay): string {
  return `${shownAddress(address)}: ${why ?? FAULTS[fault].sentence}`;
}

/** The fault that says the most, with what was found at each address. */
function noneFound(host: string, others: readonly NoRelay[]): FaultError {
  const [told = "relay-unreachable"] = others.flatMap(({ fault }) =>
    fault === "relay-unreachable" ? [] : fault,
  );
  const whys = new Set(others.map(({ why }) => why));
  const [why] = whys;
  if (whys.size === 1 && why !== undefined) {
    const tried = others.map(({ address }) => shownAddress(address)).join(", ");
    return new FaultError(told, `${host} (${why}; tried ${tried})`);
  }
  return new FaultError(told, `${host} (${others.map(reasonOf).join("; ")})`);
}

/**
 * Tries all at once. One that answers waits for those before it, but not for long.
 * @param forAll whether a relay that serves one channel alone counts as none
 */
export async function firstRelay(
  addresses: readonly string[],
  ca: string | undefined,
  timeoutMs: number,
  forAll = false,
): Promise<Found> {
  const { promise, resolve } = Promise.withResolvers<Found>();
  const results: (NoRelay | "relay" | undefined)[] = addresses.map(() => undefined);
  const others = (): NoRelay[] =>
    results.filter((result) => result !== undefined && result !== "relay");
  const take = (): void => {
    const first = results.indexOf("relay");
    resolve({ address: addresses[first], others: others() });
  };
  let preference: NodeJS.Timeout | undefined;
  const tries = addresses.map(async (address, i) => {
    results[i] = await tryOne(address, ca, timeoutMs, forAll);
    const first = results.indexOf("relay");
    const known = first === -1 ? results : results.slice(0, first);
    if (known.every((result) => result !== undefined)) take();
    else if (first !== -1) preference ??= setTimeout(take, PREFERENCE_MS);
  });
  const found = await promise;
  clearTimeout(preference);
  void Promise.allSettled(tries);
  return found;
}

/** Whether a relay answers there. It is told nothing: a relay speaks first. */
async function tryOne(
  address: string,
  ca: string | undefined,
  timeoutMs: number,
  forAll: boolean,
): Promise<NoRelay | "relay"> {
  const { promise, resolve } = Promise.withResolvers<NoRelay | "relay">();
  const no = (fault: FaultCode, why?: string): void => resolve({ address, fault, why });
  const link = new RelayLink(
    address,
    {
      opened: () => undefined,
      message: (bytes) => {
        const fault = faultOf(bytes, forAll);
        if (fault === undefined) resolve("relay");
        else no(fault);
      },
      lost: ({ fault, why }) => no(fault, why),
    },
    performance.now(),
    { ca },
  );
  const timer = setTimeout(() => no("relay-unreachable", "no answer"), timeoutMs);
  const result = await promise;
  clearTimeout(timer);
  link.drop();
  return result;
}

/** Undefined: a relay of any version sent that. */
function faultOf(bytes: Uint8Array, forAll: boolean): FaultCode | undefined {
  try {
    const said = decodeControl(bytes, "relay-to-receiver");
    if (said.t === "challenge") return forAll && said.only === true ? "other-channel" : undefined;
    return said.t === "fault" ? undefined : "not-a-relay";
  } catch (error) {
    const isOfLater = error instanceof FaultError && error.code === "version-mismatch";
    return isOfLater ? undefined : "not-a-relay";
  }
}
