/** sendme, which needs no relay on one machine: https://github.com/n0-computer/sendme */
import type { Carriage, Carrier } from "./carrier.ts";
import { ask, which } from "./command.ts";
import type { Found } from "./system.ts";

export const sendme: Carrier = { name: "sendme", find, open };

async function find(): Promise<Found> {
  const program = which("sendme");
  if (program === undefined) return { missing: "not on PATH" };
  const version = /sendme (\S+)/.exec((await ask([program, "--version"])) ?? "")?.[1];
  return version === undefined ? { missing: "it does not run" } : { version };
}

function open(folder: string): Promise<Carriage> {
  const program = which("sendme");
  if (program === undefined) throw new Error("sendme is not on PATH");
  // Both sides keep their copies in the folder in which they run.
  const loopback = ["--magic-ipv4-addr", "127.0.0.1:0", "--magic-ipv6-addr", "[::1]:0"];
  const alone = ["--no-progress", "--relay", "disabled", ...loopback];
  return Promise.resolve({
    pids: [],
    order: { first: "sender", says: /sendme receive (\S+)/ },
    senderEnds: false,
    sender: (file) => ({
      command: [program, "send", "--ticket-type", "addresses", ...alone, file],
      cwd: folder,
    }),
    receiver: (out, ticket) => ({ command: [program, "receive", ...alone, ticket], cwd: out }),
    [Symbol.asyncDispose]: () => Promise.resolve(),
  });
}
