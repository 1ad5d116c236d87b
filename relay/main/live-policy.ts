import { FaultError } from "../../protocol/mod.ts";
import { OPEN_FILES_WANTED, checkLimits } from "../limits/operator-limits.ts";

import { Bans, type Ban } from "../access/bans.ts";
import { clientsWithin } from "../system/descriptors.ts";
import type { Policy, WorkerPolicy } from "../access/policy.ts";
import type { Report } from "../worker/reports.ts";
import { KeptTokens } from "../access/token-file.ts";

export interface LivePolicyOptions {
  readonly policy: Policy;
  readonly tokenFile: string | undefined;
  readonly banFile: string | undefined;
  readonly workers: number;
  /** The limit of open files; undefined: unknown. */
  readonly descriptors: number | undefined;
  readonly changed: (policy: WorkerPolicy) => void;
  readonly trouble: (trouble: string) => void;
  readonly info: (event: string, fields: Report["fields"]) => void;
}

/**
 * The policy as it is now: what the operator gave, the tokens of a file, the bans, and no more clients
 * than there are descriptors for. Each may change while the relay runs.
 */
export class LivePolicy {
  readonly bans: Bans;
  readonly #options: LivePolicyOptions;
  readonly #kept: KeptTokens | undefined;
  #given: Policy;

  /** @throws RangeError for a limit that is none. @throws FaultError `bad-tokens`, `bad-ban-file` */
  constructor(options: LivePolicyOptions) {
    const { policy, tokenFile, banFile } = options;
    this.#options = options;
    checkLimits(policy.limits);
    this.#kept = tokenFile === undefined ? undefined : new KeptTokens(tokenFile);
    this.#given = this.#withinDescriptors(policy);
    this.bans = new Bans(banFile);
    this.bans.expire(Date.now());
  }

  /** A weakness of the token file that does not hinder. */
  get warning(): string | undefined {
    return this.#kept?.warning;
  }

  get current(): WorkerPolicy {
    const { access } = this.#given;
    const tokens = [...access.tokens, ...(this.#kept?.tokens ?? [])];
    return { ...this.#given, access: { ...access, tokens }, banned: this.bans.ranges };
  }

  /** From now on that one holds. @throws RangeError for a limit that is none */
  set(given: Policy): void {
    checkLimits(given.limits);
    this.#given = this.#withinDescriptors(given);
    this.#emit();
  }

  /** @throws FaultError `bad-ban`, `bad-ban-file` */
  ban(range: string, until: number | undefined): Ban {
    const ban = this.bans.add(range, until, this.#given.access.trustedProxies);
    const end = ban.until === undefined ? "never" : new Date(ban.until).toISOString();
    this.#options.info("banned", { range: ban.range, until: end });
    this.#emit();
    return ban;
  }

  /** @returns whether there was such a ban. @throws FaultError `bad-ban-file` */
  unban(range: string): boolean {
    const had = this.bans.lift(range);
    if (!had) return false;
    this.#options.info("unbanned", { range });
    this.#emit();
    return true;
  }

  /** Lets go of bans that are over. */
  tick(): void {
    if (this.bans.expire(Date.now())) this.#emit();
  }

  /** Reads the file of bans again. A fault there is told, and they stay. */
  reloadBans(): void {
    try {
      this.bans.load();
    } catch (error) {
      if (!(error instanceof FaultError)) throw error;
      this.#options.trouble(`Bans are unchanged: ${error.message}`);
      return;
    }
    this.bans.expire(Date.now());
    this.#emit();
  }

  /** Looks whether the file has other tokens. @param insists the operator asked for it */
  pollTokens(insists: boolean): void {
    const poll = this.#kept?.poll(insists);
    if (poll === undefined || poll.found === "same") return;
    if (poll.found === "trouble") {
      this.#options.trouble(poll.trouble);
      return;
    }
    this.#emit();
    this.#options.info("tokens-changed", { tokens: this.current.access.tokens.length });
  }

  #emit(): void {
    this.#options.changed(this.current);
  }

  /** No more clients than there are descriptors for; where that is few, the operator is told. */
  #withinDescriptors(policy: Policy): Policy {
    const { descriptors: limit, workers, trouble } = this.#options;
    const wanted = policy.limits["max-sockets"];
    const most = limit === undefined ? wanted : clientsWithin(limit, workers);
    if (most >= wanted) return policy;
    if (most < OPEN_FILES_WANTED) {
      trouble(
        `The limit of open files (${limit}) leaves room for ${most} clients; raise it (ulimit -n, LimitNOFILE=)`,
      );
    }
    return { ...policy, limits: { ...policy.limits, "max-sockets": most } };
  }
}
