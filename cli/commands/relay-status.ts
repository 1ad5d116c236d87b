import { command, shared } from "./command.ts";

/** Of the commands that tell a running relay something. */
export const adminListener = {
  type: "string",
  valueHint: "host:port",
  description: "The relay's admin listener (default: that of your relay on this machine)",
} as const;

export default command({
  name: "fileshare relay status",
  description: "Show the shares, receivers and throughput of a running relay, live",
  args: {
    admin: adminListener,
    token: shared.token,
    once: { type: "boolean", description: "Print it once (default without a terminal)" },
    json: { type: "boolean", description: "Print it once as a JSON object" },
    page: {
      type: "boolean",
      description: "Print a link to the admin page; keep the link secret",
    },
  },
  examples: [
    ["fileshare relay status", "show your relay on this machine, until Ctrl-C"],
    ["fileshare relay status --json", "print one JSON object for a script"],
    ["fileshare relay status --page", "print a link for the browser"],
  ],
  typedOnly: ["once", "json", "page"],
  run: async (values) => (await import("./run-relay-status.ts")).runRelayStatus(values),
});
