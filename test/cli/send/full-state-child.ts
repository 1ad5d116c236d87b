/**
 * Sends a file while the file system of what is remembered is full; says what happened as one line
 * of JSON. Its argument is that file system, which nothing else is in.
 */
import {
  readFileSync,
  readdirSync,
  rmSync,
  statfsSync,
  writeFileSync,
  mkdtempSync,
  mkdirSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { statePath } from "../../../cli/system/state.ts";
import { startRelay } from "../../../relay/mod.ts";
import { newCode, receive, send } from "../../support/clients/clients.ts";
import { makeFile } from "../../support/files.ts";

const state = process.argv[2]!;
process.env["XDG_STATE_HOME"] = state;
const dir = mkdtempSync(join(tmpdir(), "fileshare-test-"));
const out = join(dir, "out");
mkdirSync(out);
const file = makeFile(dir, "a.bin", 3 * 1024 * 1024);
const relay = await startRelay();
const job = { relay: `${relay.url}/ws`, code: newCode() };
const again = { cwd: "/", words: ["send"] };
const keep = { again, anew: false, codeChosen: false };
const sender = send({ ...job, what: { from: "paths", paths: [file.path] }, keep });
const { kept } = await sender.when("code");
const { bavail, bsize } = statfsSync(state);
writeFileSync(join(state, "ballast"), new Uint8Array(bavail * bsize));
const receiver = receive({ ...job, out });
const outcomes = await Promise.all([sender.outcome, receiver.outcome]);
console.log(
  JSON.stringify({
    kept,
    unkept: sender.all("unkept").length === 1,
    exitCodes: outcomes.map(({ exitCode }) => exitCode),
    same: readFileSync(join(out, "a.bin")).equals(Buffer.from(file.bytes)),
    left: readdirSync(statePath("sends")),
  }),
);
await relay.stop();
rmSync(dir, { recursive: true, force: true });
process.exit(0);
