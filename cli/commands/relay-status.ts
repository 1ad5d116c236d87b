import { command, shared } from "./command.ts";

/** Of the commands that tell a running relay something. */
export const adminListener = {
  type: "string",
  valueHint: "host:port",
  description: "The relay's admin listener (that of the relay of yours that runs here)",
} as const;

export default command({
  name: "fileshare relay status",
  description: "Show what a running relay does, while it does it",
  args: {
    admin: adminListener,
    token: shared.token,
    once: { type: "boolean", description: "Print it once, as where there is no terminal" },
    json: { type: "boolean", description: "Print it once, as a JSON object" },
    page: {
      type: "boolean",
      description: "Print a link to the page that shows it; keep it secret",
    },
  },
  examples: [
    ["fileshare relay status", "the relay that runs here, until Ctrl-C"],
    ["fileshare relay status --json", "for scripts"],
    ["fileshare relay status --page", "a link for the browser"],
  ],
  typedOnly: ["once", "json", "page"],
  run: async (values) => (await import("./run-relay-status.ts")).runRelayStatus(values),
});
