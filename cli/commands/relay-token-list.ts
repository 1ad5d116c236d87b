import { command, tokenFile } from "./command.ts";

export default command({
  name: "fileshare relay token list",
  description: "Show the tokens of a relay, without their secrets",
  args: {
    "token-file": tokenFile,
    json: { type: "boolean", description: "Print each token as a JSON object" },
  },
  examples: [
    ["fileshare relay token list --token-file tokens.json", "show ids, roles, names and ends"],
  ],
  run: async (values) => (await import("./run-relay-token.ts")).runTokenList(values),
});
