import { command, shared } from "./command.ts";
import { adminListener } from "./relay-status.ts";

export default command({
  name: "fileshare relay kill",
  description: "End shares of a running relay, for each sender and all receivers",
  args: {
    number: {
      type: "positional",
      required: false,
      description: "The numbers of the shares in fileshare relay status",
    },
    admin: adminListener,
    token: shared.token,
  },
  examples: [["fileshare relay kill 12", "end share 12; the relay refuses it for an hour"]],
  many: ["number"],
  run: async (values) => (await import("./run-relay-actions.ts")).runKill(values),
});
