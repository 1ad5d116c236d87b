/**
 * Where other files are in the npm package. There all code is bundled below `lib/` (`deploy/npm/library.ts`): entries keep their
 * path, and what they share lies in `lib/` itself, so a file cannot be found beside the source that names it.
 */

/**
 * @param path below `lib/`
 * @param url of the module that asks
 * @returns undefined: the module is a source, in a checkout or a binary
 */
export function compiledFile(path: string, url: string): URL | undefined {
  const at = url.lastIndexOf("/lib/");
  const isCompiled = url.endsWith(".js") && at !== -1 && !url.includes("/$bunfs/");
  return isCompiled ? new URL(path, url.slice(0, at + "/lib/".length)) : undefined;
}
