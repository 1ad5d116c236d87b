import { command, tokenFile } from "./command.ts";

export default command({
  name: "fileshare relay token revoke",
  description: "Revoke tokens of a relay; it disconnects their clients within seconds",
  args: {
    id: {
      type: "positional",
      required: false,
      description: "The ids of the tokens in fileshare relay token list",
    },
    "token-file": tokenFile,
  },
  examples: [["fileshare relay token revoke 3f9a1c2b", "revoke one token"]],
  many: ["id"],
  run: async (values) => (await import("./run-relay-token.ts")).runTokenRevoke(values),
});
