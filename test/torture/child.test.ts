import { expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { temporaryFolder } from "../support/disk.ts";
import { lacksProgram } from "../needs.ts";
import { until } from "../support/until.ts";

/** Starts a child, and says its id. */
const RUN = `
  const { Children } = await import(${JSON.stringify(join(import.meta.dir, "child.ts"))});
  const { History } = await import(${JSON.stringify(join(import.meta.dir, "history.ts"))});
  const children = new Children(new History(process.argv[1]));
  const child = children.start({ who: "a", command: ["sleep", "1000"], seen: () => undefined });
  console.log(child.pid);
  await child.ended;
`;

test.skipIf(process.platform !== "linux" || lacksProgram("setpriv", "util-linux"))(
  "a run that is killed leaves no process behind (Linux)",
  async () => {
    using folder = temporaryFolder();
    await using run = Bun.spawn([process.execPath, "-e", RUN, join(folder.path, "history")], {
      stdout: "pipe",
      stderr: "inherit",
    });
    const { value } = await run.stdout.getReader().read();
    const pid = Number(new TextDecoder().decode(value));
    expect(existsSync(`/proc/${pid}`)).toBe(true);
    run.kill("SIGKILL");
    await until(() => !existsSync(`/proc/${pid}`));
  },
);
