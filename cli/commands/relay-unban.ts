import { command, shared } from "./command.ts";
import { adminListener } from "./relay-status.ts";

export default command({
  name: "fileshare relay unban",
  description: "Allow banned addresses at a running relay again",
  args: {
    address: { type: "positional", required: false, description: "The banned addresses or ranges" },
    admin: adminListener,
    token: shared.token,
  },
  examples: [["fileshare relay unban 203.0.113.7", "allow this address again"]],
  many: ["address"],
  run: async (values) => (await import("./run-relay-actions.ts")).runUnban(values),
});
