/** The order of ways to a relay: the first that names one counts, and is told. */
import { expect, test } from "bun:test";
import { join } from "node:path";

import { command } from "../../../cli/commands/command.ts";
import { loadAll } from "../../../cli/commands/registry.ts";
import { recv } from "../../../cli/commands/transfer-commands.ts";
import { relayOfCode, relayOfOptions } from "../../../cli/connection/command-relay.ts";
import { ROUTES, type Route } from "../../../cli/job/routes.ts";
import { readCode } from "../../../protocol/code/code.ts";
import { temporaryFolder } from "../../support/disk.ts";

const PLACES = {
  option: "ws://option.example:1",
  code: "ws://code.example:2",
  environment: "ws://environment.example:3",
  configuration: "ws://configuration.example:4",
} as const satisfies Partial<Record<Route, string>>;
type Place = keyof typeof PLACES;

const CODE = "under-brave-protect-receive-mixed-tooth-toe";

/** The relay of a receiver for which relays are named in those places. */
async function choiceOf(named: readonly Place[]): Promise<{ route: Route; address: string }> {
  using folder = temporaryFolder();
  const file = join(folder.path, "config.toml");
  const line = named.includes("configuration") ? `relay = "${PLACES.configuration}"` : "";
  await Bun.write(file, `[all]\n${line}\n`);
  let chosen: { route: Route; address: string } | undefined;
  const tried = command(recv, async () => (values, call) => {
    const text = named.includes("code") ? `fileshare recv ${CODE} --relay ${PLACES.code}` : CODE;
    const { relay } = relayOfCode(readCode(text), relayOfOptions(values, call));
    chosen = { route: relay.route, address: relay.address };
    return 0;
  });
  const { FILESHARE_CONFIG, FILESHARE_RELAY } = process.env;
  process.env["FILESHARE_CONFIG"] = file;
  process.env["FILESHARE_RELAY"] = named.includes("environment") ? PLACES.environment : "";
  try {
    const words = named.includes("option") ? ["--relay", PLACES.option] : [];
    const commands = {};
    await tried.run(words, { commands, loadAll, aliasesOf: () => [] });
  } finally {
    restore({ FILESHARE_CONFIG, FILESHARE_RELAY });
  }
  return chosen!;
}

function restore(variables: Readonly<Record<string, string | undefined>>): void {
  for (const [name, value] of Object.entries(variables)) {
    if (value === undefined) delete process.env[name];
    else process.env[name] = value;
  }
}

const places = Object.keys(PLACES) as Place[];

test.each(places.map((place, i) => [place, places.slice(i)] as const))(
  "%s counts before all ways after it",
  async (place, named) => {
    const { route, address } = await choiceOf(named);
    expect(route).toBe(place);
    expect(address).toBe(`${PLACES[place]}/ws`);
  },
);

test("without a named relay the one of this machine is meant", async () => {
  expect(await choiceOf([])).toEqual({ route: "this-machine", address: "ws://127.0.0.1:8000/ws" });
});

test("the table has the same order", () => {
  expect(ROUTES).toEqual([...places, "this-machine", "network", "carried"]);
});
