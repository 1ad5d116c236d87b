/**
 * Makes docs/pictures/demo.svg: runs the demo in a pseudo-terminal and draws what it showed as a moving picture.
 * `bun docs/generate/picture.ts`
 */
import { Terminal } from "@xterm/headless";

import { draw, snapshot, type Picture } from "./draw.ts";

const SIZE = { columns: 112, rows: 21 };
/** A picture every so often; fewer would jump, more only make the file large. */
const FRAME_EVERY_MS = 700;

async function record(command: readonly string[]): Promise<Picture[]> {
  const size = { cols: SIZE.columns, rows: SIZE.rows };
  const terminal = new Terminal({ ...size, allowProposedApi: true });
  const pictures: Picture[] = [];
  const startedAt = performance.now();
  const take = (): void => {
    const lines = snapshot(terminal);
    if (lines.join() === pictures.at(-1)?.lines.join() || lines.length === 0) return;
    pictures.push({ at: Math.round(performance.now() - startedAt), lines });
  };
  const closed = Promise.withResolvers<void>();
  const child = Bun.spawn([...command], {
    env: { ...process.env, TERM: "xterm-256color", FORCE_COLOR: "1" },
    terminal: {
      ...size,
      data: (_, bytes) => terminal.write(bytes),
      exit: () => terminal.write("", closed.resolve),
    },
  });
  const timer = setInterval(take, FRAME_EVERY_MS);
  const exit = await child.exited;
  await closed.promise;
  clearInterval(timer);
  take();
  if (exit !== 0) throw new Error(`the demo ended with ${exit}`);
  return pictures;
}

const demo = new URL("../../test/demo/main.ts", import.meta.url).pathname;
const pictures = await record([process.execPath, demo]);
const title =
  "fileshare: one upload, five receivers, one of them slow, one late, one killed and run again";
await Bun.write(new URL("../pictures/demo.svg", import.meta.url), draw(pictures, SIZE, title));
console.log(`docs/pictures/demo.svg: ${pictures.length} pictures`);
