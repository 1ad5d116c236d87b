/** A sender's own code at the command. test/cli/send/sender-code.test.ts tries which codes are weak. */
import { expect, test } from "bun:test";

import { EXIT } from "../../../protocol/wire/faults.ts";
import { fileshare } from "../../support/clients/command.ts";

test("the command refuses one of --code and of FILESHARE_CODE; a receiver takes what it is told", async () => {
  const weak = "password-password-1234";
  const at = ["--relay", "ws://127.0.0.1:1", "--connect-timeout", "0.1"];
  const told = [];
  for (const [args, env] of [
    [["send", "--text", "hello", "--code", weak, ...at], {}],
    [["send", "--text", "hello", ...at], { FILESHARE_CODE: weak }],
    [["recv", "--yes", ...at, weak], {}],
  ] as const) {
    await using command = fileshare(args, env);
    const last = await command.events(({ event }) => event === "error");
    told.push(last?.event === "error" && last.code, await command.exited);
  }
  const refused = ["weak-code", EXIT.usage];
  expect(told).toEqual([...refused, ...refused, "relay-unreachable", EXIT.failed]);
});

test("words and a receiver load no dictionary", () => {
  const program = `
    const { checkSenderCode } = await import("./cli/send/sender-code.ts");
    checkSenderCode("timber-magnet-sunny-cliff-oven-price-script", { from: "stdin" });
    await import("./cli/commands/run-recv.ts");
    const loaded = () => Object.keys(require.cache).some((path) => path.includes("zxcvbn"));
    const before = loaded();
    checkSenderCode("our-garden-party-of-1987", { from: "stdin" });
    process.stdout.write(JSON.stringify([before, loaded()]));
  `;
  const cwd = new URL("../../..", import.meta.url).pathname;
  const { stdout } = Bun.spawnSync([process.execPath, "-e", program], { cwd });
  expect(stdout.toString()).toBe("[false,true]");
});
