import { command } from "./command.ts";

export default command({
  name: "fileshare relay",
  description: "Run a relay",
  args: {
    host: {
      type: "string",
      valueHint: "address",
      description: "The address to listen at (0.0.0.0, every one of this machine)",
    },
    port: { type: "string", valueHint: "n", description: "The port; 0 takes a free one (8000)" },
    workers: { type: "string", valueHint: "n", description: "Streaming threads (1)" },
    json: { type: "boolean", description: "Print where it listens as one JSON object" },
  },
  examples: [
    ["fileshare relay", "listen at port 8000 of every address"],
    ["fileshare relay --host 127.0.0.1 --port 0 --json", "for scripts: a free port, told as JSON"],
  ],
  run: async (values) => (await import("./run-relay.ts")).runRelay(values),
});
