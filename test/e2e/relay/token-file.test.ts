/** The file of a relay's tokens: what is taken, how it is changed, and what a relay makes of it. */
import { describe, expect, test } from "bun:test";
import {
  chmodSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";

import { FaultError } from "../../../protocol/mod.ts";
import {
  DEFAULT_POLICY,
  editTokenFile,
  knownTokens,
  parseTokens,
  readTokenFile,
  startRelay,
  type Policy,
  type RelayOptions,
  type TokenEntry,
} from "../../../relay/mod.ts";
import { temporaryFolder } from "../../support/disk.ts";
import { newCode, receive, send } from "../../support/clients/clients.ts";
import { makeFile } from "../../support/files.ts";
import { Proxy } from "../../support/net/proxy.ts";
import { RawClient, randomId } from "../../support/relay/raw-client.ts";
import { token, type TestToken } from "../../support/relay/tokens.ts";
import { expectFault } from "../../support/relay/wire-checks.ts";

const CLOSED: Policy = {
  ...DEFAULT_POLICY,
  access: { ...DEFAULT_POLICY.access, mode: "closed", lobby: "closed" },
};

function entryOf({ known: { id, roles, sha256 } }: TestToken): TokenEntry {
  return { id, roles: [...roles], sha256 };
}

function textOf(...tokens: TestToken[]): string {
  return JSON.stringify({ tokens: tokens.map(entryOf) });
}

/** In one step, as it should be done. */
function write(path: string, text: string): void {
  writeFileSync(`${path}.next`, text, { mode: 0o600 });
  renameSync(`${path}.next`, path);
}

function faultOf(run: () => unknown): string {
  try {
    run();
  } catch (error) {
    if (error instanceof FaultError) return `${error.code}: ${error.detail}`;
    throw error;
  }
  return "none";
}

const one = entryOf(token(["send"]));

describe("a file of tokens", () => {
  test.each([
    ["{", "x is no JSON"],
    ["[]", "in x, tokens is not as it must be"],
    ["{}", "in x, tokens is not as it must be"],
    [{ tokens: [{ ...one, id: "xyz" }] }, "in x, tokens.0.id is not"],
    [{ tokens: [{ ...one, roles: [] }] }, "in x, tokens.0.roles is not"],
    [{ tokens: [{ ...one, roles: ["root"] }] }, "in x, tokens.0.roles.0 is not"],
    [{ tokens: [{ ...one, sha256: "00" }] }, "in x, tokens.0.sha256 is not"],
    [{ tokens: [{ ...one, expires: "soon" }] }, "in x, tokens.0.expires is not"],
    [{ tokens: [{ ...one, role: "send" }] }, "in x, tokens.0.role is not"],
    [{ tokens: [one], more: 1 }, "in x, more is not"],
    [{ tokens: [one, one] }, "in x, two tokens have the same id"],
    [{ tokens: Array.from({ length: 1001 }, () => one) }, "in x, tokens is not"],
  ])("P4 is checked, and not repeated where it is wrong: case %#", (content, why) => {
    const text = typeof content === "string" ? content : JSON.stringify(content);
    const fault = faultOf(() => parseTokens(text, "x"));
    expect(fault).toStartWith(`bad-tokens: ${why}`);
    expect(fault).not.toContain(one.sha256);
  });

  test("a time at which it is over counts", () => {
    const expires = "2027-01-31T00:00:00.000Z";
    const [known] = knownTokens(parseTokens(JSON.stringify({ tokens: [{ ...one, expires }] }), ""));
    expect(known?.expires).toBe(Date.UTC(2027, 0, 31));
  });
});

describe.skipIf(process.platform === "win32")("the modes of its file", () => {
  test("P4 a file that others may write is refused, one that they may read is warned of", () => {
    using folder = temporaryFolder();
    const path = join(folder.path, "tokens");
    writeFileSync(path, textOf(token(["send"])));
    for (const mode of [0o620, 0o602, 0o666]) {
      chmodSync(path, mode);
      expect(faultOf(() => readTokenFile(path))).toContain("others may write");
    }
    chmodSync(path, 0o640);
    expect(readTokenFile(path).warning).toBeUndefined();
    chmodSync(path, 0o644);
    expect(readTokenFile(path).warning).toContain("may read");
  });

  test("a folder, and what is not there, is refused", () => {
    using folder = temporaryFolder();
    expect(faultOf(() => readTokenFile(folder.path))).toContain("is no file");
    expect(faultOf(() => readTokenFile(join(folder.path, "x")))).toContain("there is no");
    writeFileSync(join(folder.path, "long"), " ".repeat(2 * 1024 ** 2), { mode: 0o600 });
    expect(faultOf(() => readTokenFile(join(folder.path, "long")))).toContain("more than");
  });
});

describe("changing it", () => {
  test("makes it for its owner alone, keeps a link and who may read it, and leaves nothing else", async () => {
    using folder = temporaryFolder();
    const path = join(folder.path, "tokens");
    const link = join(folder.path, "link");
    await editTokenFile(path, () => [one]);
    expect(statSync(path).mode & 0o777).toBe(0o600);
    chmodSync(path, 0o640);
    symlinkSync("tokens", link);
    await editTokenFile(link, (tokens) => [...tokens, entryOf(token(["admin"]))]);
    expect(statSync(path).mode & 0o777).toBe(0o640);
    expect(readTokenFile(path).tokens).toHaveLength(2);
    expect(readdirSync(folder.path).toSorted()).toEqual(["link", "tokens"]);
  });

  test("several at once lose nothing", async () => {
    using folder = temporaryFolder();
    const path = join(folder.path, "tokens");
    const added = Array.from({ length: 20 }, () => entryOf(token(["send"])));
    await Promise.all(added.map((each) => editTokenFile(path, (tokens) => [...tokens, each])));
    const ids = readTokenFile(path).tokens.map(({ id }) => id);
    expect(ids.toSorted()).toEqual(added.map(({ id }) => id).toSorted());
  });

  test("an edit that fails, or a file that is wrong, changes nothing", async () => {
    using folder = temporaryFolder();
    const path = join(folder.path, "tokens");
    writeFileSync(path, "{", { mode: 0o600 });
    const broken = editTokenFile(path, () => [one]);
    expect(await broken.catch(String)).toContain("is no JSON");
    write(path, textOf());
    const many = editTokenFile(path, () => Array.from({ length: 1001 }, () => one));
    expect(await many.catch(String)).toContain("1000 tokens at most");
    const failing = editTokenFile(path, () => {
      throw new FaultError("usage", "no");
    });
    expect(await failing.catch(String)).toContain("no");
    expect(readFileSync(path, "utf8")).toBe(textOf());
    expect(readdirSync(folder.path)).toEqual(["tokens"]);
    const nowhere = editTokenFile(join(folder.path, "no", "tokens"), () => [one]);
    expect(await nowhere.catch(String)).toContain("can't be written (ENOENT)");
  });
});

/** A closed relay with tokens of a file that is looked at often, and what it tells. */
class Setting implements AsyncDisposable {
  readonly path: string;
  readonly told: string[] = [];
  readonly #folder = temporaryFolder();
  #tell = Promise.withResolvers<void>();

  constructor(text: string) {
    this.path = join(this.#folder.path, "tokens");
    write(this.path, text);
  }

  get options(): Partial<RelayOptions> {
    return {
      policy: CLOSED,
      tokenFile: this.path,
      supervision: { tokensMs: 20 },
      onTrouble: (trouble) => this.#note(trouble),
      onReport: ({ event }) => {
        if (["tokens-changed", "not-allowed"].includes(event)) this.#note(event);
      },
    };
  }

  /** Told already, or to be. */
  async tells(what: string): Promise<void> {
    while (!this.told.some((each) => each.includes(what))) await this.#tell.promise;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#folder[Symbol.dispose]();
  }

  #note(what: string): void {
    this.told.push(what);
    this.#tell.resolve();
    this.#tell = Promise.withResolvers();
  }
}

/** The relay's first answer to a client with that token. */
async function greeting(url: string, text: string): Promise<"welcome" | "fault"> {
  await using client = await RawClient.open(`${url}/ws`);
  await client.hello("receiver", randomId(), { token: text });
  return (await Promise.race([client.when("welcome"), client.when("fault")])).t;
}

describe("a relay whose file of tokens changes", () => {
  test("takes new ones, sends away whose token is revoked, and disturbs no transfer of others", async () => {
    const [old, kept, next] = [token(["receive"]), token(["send", "receive"]), token(["receive"])];
    await using setting = new Setting(textOf(old, kept));
    await using relay = await startRelay({ workers: 2, ...setting.options });
    await using proxy = await Proxy.start({ port: relay.port });
    using folder = temporaryFolder();
    const { path, bytes } = makeFile(folder.path, "a.bin", 8 * 1024 ** 2);
    const code = newCode();
    using out = temporaryFolder();
    const receives = { relay: proxy.url, code, out: out.path, token: kept.text };
    await using receiver = receive(receives);
    await receiver.when("waiting");
    const held = proxy.holdAfter(4);
    await using sender = send({ relay: `${relay.url}/ws`, code, path, token: kept.text });
    await using revoked = await RawClient.open(`${relay.url}/ws`);
    await revoked.hello("receiver", randomId(), { token: old.text });
    await revoked.when("welcome");
    await held;
    // In the middle of the transfer.
    write(setting.path, textOf(kept, next));
    await expectFault(revoked, "not-allowed");
    await setting.tells("tokens-changed");
    proxy.release();
    expect((await receiver.outcome).fault).toBeUndefined();
    expect((await sender.outcome).fault).toBeUndefined();
    const saved = readFileSync((await receiver.when("saved")).path);
    expect(Buffer.compare(saved, bytes)).toBe(0);
    const ask = [old, kept, next].map(({ text }) => greeting(relay.url, text));
    expect(await Promise.all(ask)).toEqual(["fault", "welcome", "welcome"]);
  });

  test("ends the transfer of a client with a revoked one, with a fault that is not tried again", async () => {
    const [sends, receives] = [token(["send"]), token(["receive"])];
    await using setting = new Setting(textOf(sends, receives));
    await using relay = await startRelay(setting.options);
    await using proxy = await Proxy.start({ port: relay.port });
    using folder = temporaryFolder();
    const { path } = makeFile(folder.path, "a.bin", 8 * 1024 ** 2);
    const code = newCode();
    using out = temporaryFolder();
    const job = { relay: proxy.url, code, out: out.path, token: receives.text };
    await using receiver = receive(job);
    await receiver.when("waiting");
    const held = proxy.holdAfter(4);
    await using _ = send({ relay: `${relay.url}/ws`, code, path, token: sends.text });
    await held;
    write(setting.path, textOf(sends));
    await setting.tells("tokens-changed");
    proxy.release();
    expect((await receiver.outcome).fault).toBe("not-allowed");
    const { message } = await receiver.when("error");
    expect(message).toContain("your token does not count any more");
    expect(message).not.toContain(receives.text.slice(-64));
  });

  test("keeps the tokens that it has while the file is wrong or gone, and says so once", async () => {
    const [old, next] = [token(["receive"]), token(["receive"])];
    await using setting = new Setting(textOf(old));
    await using relay = await startRelay(setting.options);
    write(setting.path, "{");
    await setting.tells("is no JSON; the tokens from before stay");
    expect(await greeting(relay.url, old.text)).toBe("welcome");
    rmSync(setting.path);
    await setting.tells("there is no");
    expect(await greeting(relay.url, old.text)).toBe("welcome");
    write(setting.path, textOf(next));
    await setting.tells("tokens-changed");
    expect(await greeting(relay.url, next.text)).toBe("welcome");
    expect(await greeting(relay.url, old.text)).toBe("fault");
    expect(setting.told.filter((each) => each !== "not-allowed")).toHaveLength(3);
  });

  test("looks at it when it is told to, and says at once what is wrong", async () => {
    const [old, next] = [token(["receive"]), token(["receive"])];
    await using setting = new Setting(textOf(old));
    const supervision = { tokensMs: 3_600_000 };
    await using relay = await startRelay({ ...setting.options, supervision });
    write(setting.path, "[");
    relay.reload();
    await setting.tells("is no JSON");
    write(setting.path, textOf(next));
    relay.reload();
    await setting.tells("tokens-changed");
    expect(await greeting(relay.url, next.text)).toBe("welcome");
  });

  test("does not start with one that is wrong, and warns of one that everybody may read", async () => {
    await using setting = new Setting("{");
    const start = startRelay(setting.options);
    expect(await start.then(String, ({ code }: FaultError) => code)).toBe("bad-tokens");
    write(setting.path, textOf(token(["send"])));
    if (process.platform === "win32") return;
    chmodSync(setting.path, 0o644);
    await using _ = await startRelay(setting.options);
    await setting.tells("Everybody may read");
  });
});

test("a token for the admin counts at the admin listener, and no other does", async () => {
  const [admin, sends] = [token(["admin"]), token(["send", "receive"])];
  await using setting = new Setting(textOf(admin, sends));
  await using relay = await startRelay({
    ...setting.options,
    admin: { hostname: "127.0.0.1", port: 0 },
  });
  const ask = async (text: string): Promise<number> => {
    const headers = { authorization: `Bearer ${text}` };
    return (await fetch(`${relay.admin?.url}/api/status`, { headers })).status;
  };
  const given = [admin.text, sends.text, admin.text.slice(0, -1)];
  expect(await Promise.all(given.map(ask))).toEqual([200, 401, 401]);
});
