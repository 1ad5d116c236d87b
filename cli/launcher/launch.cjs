"use strict";
/**
 * Runs fileshare with Bun. Started by Bun itself (`bunx` on a machine without Node), it goes on in this process. A Node
 * with `process.execve` becomes Bun. Any other Node waits for Bun as a child, and passes on signals and the exit code.
 */
const { spawn } = require("node:child_process");
const { existsSync, readFileSync } = require("node:fs");
const { constants } = require("node:os");
const { join } = require("node:path");
const { pathToFileURL } = require("node:url");

const { findBun, isAtLeast } = require("./find-bun.cjs");

const ROOT = join(__dirname, "..", "..");
/** In a checkout the sources, which are newer than what was compiled there. */
const MAIN = [join(ROOT, "cli", "main.ts"), join(ROOT, "lib", "cli", "main.js")].find((path) =>
  existsSync(path),
);

/** Signals that end fileshare, or make a relay read its files anew. */
const PASSED_ON = ["SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT"];

/** @param {number} cannotStart the exit code where no Bun is found */
function launch(cannotStart) {
  const { engines } = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8"));
  const least = engines.bun.replace(/^>=/, "");
  const { bun: running } = process.versions;
  if (running !== undefined && isAtLeast(running, least)) {
    void import(pathToFileURL(MAIN).href);
    return;
  }
  const found = findBun(ROOT, least);
  if (found.bun === undefined) {
    process.stderr.write(
      `fileshare: no Bun ${least} or later was found: ${found.why}.\n` +
        "Install fileshare again without --omit=optional and --ignore-scripts, or install Bun so that PATH leads to it.\n",
    );
    process.exitCode = cannotStart;
    return;
  }
  const args = [MAIN, ...process.argv.slice(2)];
  if (process.platform !== "win32" && process.execve !== undefined && running === undefined) {
    become(found.bun, args);
  }
  wait(found.bun, args, cannotStart);
}

/** This process becomes Bun, so signals, jobs of the shell and exit codes need nothing. */
function become(bun, args) {
  // Node would say that `execve` is experimental, which is no news for people.
  process.emitWarning = () => undefined;
  process.execve(bun, [bun, ...args], process.env);
}

function wait(bun, args, cannotStart) {
  const child = spawn(bun, args, { stdio: "inherit", windowsHide: false });
  const handlers = PASSED_ON.filter((signal) => signal in constants.signals).map((signal) => {
    const handle = () => {
      if (!isFromTerminal(signal)) child.kill(signal);
    };
    if (!isIgnored(signal)) process.on(signal, handle);
    return { signal, handle };
  });
  child.on("error", (error) => {
    process.stderr.write(`fileshare: ${bun} cannot be started (${error.message}). Install Bun.\n`);
    process.exitCode = cannotStart;
  });
  child.on("exit", (code, signal) => {
    for (const { signal: each, handle } of handlers) process.off(each, handle);
    if (signal === null) process.exit(code);
    // Shells and supervisors then see the end that Bun had.
    process.kill(process.pid, signal);
  });
}

/**
 * Whether the child has the signal too. A terminal gives Ctrl-C and Ctrl-\ to all processes of the job in the
 * foreground; a second one from here would end fileshare at once. On Windows the console gives all of them.
 */
function isFromTerminal(signal) {
  if (process.platform === "win32") return true;
  return (signal === "SIGINT" || signal === "SIGQUIT") && isInForeground();
}

function isInForeground() {
  try {
    // The name of the program, in brackets, may hold anything.
    const stat = readFileSync("/proc/self/stat", "utf8").replace(/^.*\) /s, "");
    const [, , group, , , terminalGroup] = stat.split(" ");
    return group === terminalGroup;
  } catch {
    return [0, 1, 2].some((fd) => require("node:tty").isatty(fd));
  }
}

/** `nohup` has SIGHUP ignored, and a handler would undo that. */
function isIgnored(signal) {
  if (signal !== "SIGHUP") return false;
  try {
    const [, mask] = /^SigIgn:\s*([0-9a-f]+)$/m.exec(readFileSync("/proc/self/status", "utf8"));
    return (BigInt(`0x${mask}`) & 1n) === 1n;
  } catch {
    return false;
  }
}

module.exports = { launch };
