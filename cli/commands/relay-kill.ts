import { command, shared } from "./command.ts";
import { adminListener } from "./relay-status.ts";

export default command({
  name: "fileshare relay kill",
  description: "End shares of a running relay, for their senders and all their receivers",
  args: {
    number: { type: "positional", required: false, description: "What relay status calls them" },
    admin: adminListener,
    token: shared.token,
  },
  examples: [["fileshare relay kill 12", "end share 12; it is not taken again for an hour"]],
  many: ["number"],
  run: async (values) => (await import("./run-relay-actions.ts")).runKill(values),
});
