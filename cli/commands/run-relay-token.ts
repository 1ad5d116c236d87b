import { EXIT } from "../../protocol/wire/faults.ts";
import { TOKEN_NAME_CHARACTERS } from "../../relay/limits/operator-limits.ts";
import { usage } from "../arguments/command-line.ts";
import { shown } from "../screen/format.ts";
import type { TokenAddValues, TokenListValues, TokenRevokeValues } from "./relay-commands.ts";
import { jsonLine } from "../screen/json.ts";
import { parseUntil } from "../arguments/values.ts";

/** Prints the token alone to the standard output, so that it can be led elsewhere unseen. */
export async function runTokenAdd(values: TokenAddValues): Promise<number> {
  const { TOKEN_ROLES, editTokenFile, makeToken } = await import("../../relay/mod.ts");
  const path = fileOf(values);
  const { name } = values;
  if (name !== undefined && (name === "" || name.length > TOKEN_NAME_CHARACTERS)) {
    throw usage(`--name takes 1 to ${TOKEN_NAME_CHARACTERS} characters`);
  }
  const asked = values.role.length === 0 ? ["send", "receive"] : values.role;
  const roles = new Set(
    asked
      .flatMap((list) => list.split(","))
      .map((word) => {
        const role = TOKEN_ROLES.find((each) => each === word.trim());
        if (role !== undefined) return role;
        throw usage(`--role takes ${TOKEN_ROLES.join(", ")}, not "${word}"`);
      }),
  );
  const now = Date.now();
  const until =
    values.expires === undefined ? undefined : parseUntil("--expires", values.expires, now);
  const expires = until === undefined ? undefined : new Date(until).toISOString();
  let token = makeToken();
  await editTokenFile(path, (tokens) => {
    while (tokens.some(({ id }) => id === token.id)) token = makeToken();
    const { id, sha256 } = token;
    const created = new Date(now).toISOString();
    return [
      ...tokens,
      {
        id,
        ...(name !== undefined && { name }),
        roles: [...roles],
        sha256,
        created,
        ...(expires !== undefined && { expires }),
      },
    ];
  });
  process.stdout.write(`${token.text}\n`);
  const end = expires === undefined ? "" : ` until ${expires}`;
  process.stderr.write(
    `Token ${token.id} is for ${[...roles].join(" and ")}${end}. It is shown this once: ` +
      "give it as FILESHARE_TOKEN.\n",
  );
  return EXIT.done;
}

export async function runTokenList(values: TokenListValues): Promise<number> {
  const { readTokenFile } = await import("../../relay/mod.ts");
  const { tokens, warning } = readTokenFile(fileOf(values));
  if (warning !== undefined) process.stderr.write(`${shown(warning)}\n`);
  const now = Date.now();
  for (const { id, name, roles, created, expires } of tokens) {
    if (values.json) {
      process.stdout.write(jsonLine({ event: "token", id, name, roles, created, expires }));
      continue;
    }
    const isOver = expires !== undefined && now >= Date.parse(expires);
    const end = expires === undefined ? "" : `  ${isOver ? "over since" : "until"} ${expires}`;
    const whose = name === undefined ? "" : `  ${shown(name)}`;
    process.stdout.write(`${id}  ${roles.join(",")}${whose}${end}\n`);
  }
  if (tokens.length === 0 && !values.json) process.stderr.write("There are no tokens\n");
  return EXIT.done;
}

export async function runTokenRevoke(values: TokenRevokeValues): Promise<number> {
  const { editTokenFile } = await import("../../relay/mod.ts");
  const path = fileOf(values);
  const ids = new Set(values.id);
  if (ids.size === 0) throw usage("give an id from fileshare relay token list");
  for (const id of ids) {
    // Not said again: it may be a whole token.
    if (!/^[0-9a-f]{8}$/.test(id)) throw usage("an id has 8 hex digits, such as 3f9a1c2b");
  }
  await editTokenFile(path, (tokens) => {
    for (const id of ids) {
      if (!tokens.some((token) => token.id === id)) throw usage(`there is no token ${id}`);
    }
    return tokens.filter(({ id }) => !ids.has(id));
  });
  process.stderr.write(`Revoked: ${[...ids].join(", ")}\n`);
  return EXIT.done;
}

function fileOf({
  "token-file": path,
}: TokenListValues | TokenAddValues | TokenRevokeValues): string {
  if (path !== undefined && path !== "") return path;
  throw usage("give the token file with --token-file or FILESHARE_TOKEN_FILE");
}
