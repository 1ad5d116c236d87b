import { command, shared } from "./command.ts";

export default command({
  name: "fileshare doctor",
  description: "Check the relay, the network to it, and this machine",
  args: {
    relay: shared.relay,
    ca: shared.ca,
    token: shared.token,
    quick: {
      type: "boolean",
      description: "Skip the test transfer that measures the rate through the relay",
    },
    json: { type: "boolean", description: "Print each check as a JSON object" },
  },
  examples: [
    ["fileshare doctor", "check the default relay"],
    ["fileshare doctor --relay wss://relay.example", "check another relay"],
    ["fileshare doctor --json --quick", "check in a script; exit code 0 means that nothing failed"],
  ],
  typedOnly: ["quick"],
  run: async (values) => (await import("./run-doctor.ts")).runDoctor(values),
});
