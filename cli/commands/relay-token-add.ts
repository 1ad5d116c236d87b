import { command, tokenFile } from "./command.ts";

export default command({
  name: "fileshare relay token add",
  description: "Make a token for a relay, and print it once",
  args: {
    "token-file": tokenFile,
    name: {
      type: "string",
      valueHint: "name",
      description: "The owner of the token, for the list",
    },
    role: {
      type: "string",
      valueHint: "roles",
      description:
        "send, receive or admin: the use that the token allows; several with commas (default: send,receive)",
    },
    expires: {
      type: "string",
      valueHint: "when",
      description:
        "End of the token: after 30d, 12h or 45m, or at the day 2027-01-31 (default: never)",
    },
  },
  examples: [
    ["fileshare relay token add --token-file tokens.json --name ada", "let ada send and receive"],
    [
      "fileshare relay token add --role send --expires 30d",
      "make a token that may send for 30 days",
    ],
  ],
  many: ["role"],
  typedOnly: ["name", "role", "expires"],
  run: async (values) => (await import("./run-relay-token.ts")).runTokenAdd(values),
});
