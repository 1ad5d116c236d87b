import { command, tokenFile } from "./command.ts";

export default command({
  name: "fileshare relay token revoke",
  description: "Take tokens of a relay back; clients that use one are sent away within seconds",
  args: {
    id: {
      type: "positional",
      required: false,
      description: "Ids of the tokens, as the list has them",
    },
    "token-file": tokenFile,
  },
  examples: [["fileshare relay token revoke 3f9a1c2b", "take that one back"]],
  many: ["id"],
  run: async (values) => (await import("./run-relay-token.ts")).runTokenRevoke(values),
});
