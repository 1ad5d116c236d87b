import { command, tokenFile } from "./command.ts";

export default command({
  name: "fileshare relay token add",
  description: "Make a token for a relay, and print it this once",
  args: {
    "token-file": tokenFile,
    name: { type: "string", valueHint: "name", description: "Whose it is, for the list" },
    role: {
      type: "string",
      valueHint: "roles",
      description:
        "send, receive or admin: what it allows; with commas or given again for several (send,receive)",
    },
    expires: {
      type: "string",
      valueHint: "when",
      description: "When it ends: after 30d, 12h or 45m, or at the day 2027-01-31 (never)",
    },
  },
  examples: [
    ["fileshare relay token add --token-file tokens.json --name ada", "let ada send and receive"],
    ["fileshare relay token add --role send --expires 30d", "let somebody send for a month"],
  ],
  many: ["role"],
  typedOnly: ["name", "role", "expires"],
  run: async (values) => (await import("./run-relay-token.ts")).runTokenAdd(values),
});
