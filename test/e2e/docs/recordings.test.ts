/** The scenes of docs/pictures/screens, played in real terminals: each waits for what has to be seen. */
import { describe, expect, test } from "bun:test";

import { playScene, SCENES } from "../../../docs/generate/scenes.ts";
import { lacksProgram } from "../../needs.ts";

describe.skipIf(lacksProgram("tmux", "tmux"))("in tmux", () => {
  test.each(Object.entries(SCENES))("%s", async (_, scene) => {
    const svg = await playScene(scene, { hurry: true });
    expect(svg).toStartWith("<svg ");
    expect(svg).toContain(`<title>${scene.title}</title>`);
  });
});

test("docs/reference/cli.md shows a picture of each scene", async () => {
  const page = await Bun.file(new URL("../../../docs/reference/cli.md", import.meta.url)).text();
  for (const [name, { title }] of Object.entries(SCENES)) {
    expect(page).toContain(`![${title}](../pictures/screens/${name}.svg)`);
    const picture = await Bun.file(
      new URL(`../../../docs/pictures/screens/${name}.svg`, import.meta.url),
    ).text();
    expect(picture).toContain(`<title>${title}</title>`);
  }
});
