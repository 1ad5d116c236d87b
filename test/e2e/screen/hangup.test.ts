/** A terminal that is closed interrupts what runs in it, and what is not through can go on. */
import { expect, test } from "bun:test";
import { join } from "node:path";

import { unfinished } from "../../../cli/commands/unfinished.ts";
import { EXIT } from "../../../protocol/wire/faults.ts";
import { startRelay } from "../../../relay/mod.ts";
import { makeFile } from "../../support/files.ts";
import { temporaryFolder } from "../../support/disk.ts";
import { CODE, heard, start } from "../../support/clients/program.ts";
import { environment } from "../../support/clients/own-state.ts";
import { openPty } from "../../support/clients/pty.ts";

test("a sender and a receiver end with their own code, and the send is kept", async () => {
  using folder = temporaryFolder();
  await using relay = await startRelay();
  const file = makeFile(folder.path, "a.bin", 1000);
  const state = join(folder.path, "state");
  const env = {
    FILESHARE_RELAY: relay.url,
    FILESHARE_CODE: CODE,
    XDG_STATE_HOME: state,
  };
  await using sender = openPty(["send", file.path], { env });
  await sender.shows("Using the relay");
  sender.hangUp();
  expect(await sender.exited).toBe(EXIT.hungUp);
  {
    using _ = environment({ XDG_STATE_HOME: state });
    expect(unfinished()).toMatchObject([{ kind: "send", kept: { running: false } }]);
  }
  await using receiver = openPty(["recv", "--yes", "--out", folder.path], { env });
  await receiver.shows("Using the relay");
  receiver.hangUp();
  expect(await receiver.exited).toBe(EXIT.hungUp);
});

test("under nohup it goes on", async () => {
  await using relay = await startRelay();
  const env = { FILESHARE_RELAY: relay.url, FILESHARE_CODE: CODE };
  const shell = `trap "" HUP; exec "$@"`;
  const child = start(["recv", "--yes", "--out", "/tmp"], { env, shell });
  await heard(child.stdout, "Using the relay");
  child.kill("SIGHUP");
  // A signal that comes after it and is heeded ends it as it says.
  child.kill("SIGTERM");
  expect(await child.exited).toBe(EXIT.interrupted);
});
