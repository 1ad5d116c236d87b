/** The page's style, and its script with the chart library in it, as texts. */

let script: Promise<string> | undefined;

/** The same text every time: it depends on files of this checkout alone. */
export function pageScript(): Promise<string> {
  script ??= build();
  return script;
}

async function build(): Promise<string> {
  const entry = new URL("./browser.ts", import.meta.url).pathname;
  const { outputs } = await Bun.build({
    entrypoints: [entry],
    target: "browser",
    format: "iife",
    minify: true,
  });
  const text = await outputs[0]?.text();
  if (text === undefined) throw new Error(`${entry} makes no script`);
  // The end tag of a script element would end it inside a string too.
  return text.replaceAll("</script", "<\\/script");
}

export function pageStyle(): Promise<string> {
  return Bun.file(new URL("./style.css", import.meta.url)).text();
}
