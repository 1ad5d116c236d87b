import { command, shared } from "./command.ts";

export default command({
  name: "fileshare doctor",
  description: "Check the relay, the way to it, and this machine",
  args: {
    relay: shared.relay,
    ca: shared.ca,
    token: shared.token,
    quick: {
      type: "boolean",
      description:
        "Leave out the file that is sent through the relay and back to see how fast it is",
    },
    json: { type: "boolean", description: "Print each check as a JSON object" },
  },
  examples: [
    ["fileshare doctor", "check the usual relay"],
    ["fileshare doctor --relay wss://relay.example", "check that one"],
    ["fileshare doctor --json --quick", "for scripts: exit code 0 when all is well"],
  ],
  typedOnly: ["quick"],
  run: async (values) => (await import("./run-doctor.ts")).runDoctor(values),
});
