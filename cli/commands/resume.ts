import { command, shared } from "./command.ts";

export default command({
  name: "fileshare resume",
  description: "Continue an unfinished send or receive",
  args: {
    number: {
      type: "positional",
      required: false,
      description:
        "The number in fileshare list, or the start of a share's id (default: the only one)",
    },
    ca: shared.ca,
    token: shared.token,
    timeout: shared.timeout,
    json: shared.json,
  },
  examples: [
    ["fileshare resume", "continue the only unfinished transfer"],
    ["fileshare resume 2", "continue the second entry of fileshare list"],
  ],
  // One that is configured is found by the command that is run again.
  typedOnly: ["token", "timeout"],
  run: async (values, _raw, _args, registry) =>
    (await import("./run-resume.ts")).runResume(values, registry),
});
