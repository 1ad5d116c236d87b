/**
 * Makes docs/pictures/screens/*.svg: plays scenes in real terminals (tmux) and draws what they showed.
 * `bun docs/generate/screens.ts` for all, or with the names of some.
 */
import { mkdirSync } from "node:fs";

import { playScene, SCENES } from "./scenes.ts";

const folder = `${import.meta.dir}/../pictures/screens`;
mkdirSync(folder, { recursive: true });
const names = process.argv.slice(2);
for (const [name, scene] of Object.entries(SCENES)) {
  if (names.length > 0 && !names.includes(name)) continue;
  const svg = await playScene(scene);
  await Bun.write(`${folder}/${name}.svg`, svg);
  console.log(`docs/pictures/screens/${name}.svg: ${Math.round(svg.length / 1024)} KiB`);
}
