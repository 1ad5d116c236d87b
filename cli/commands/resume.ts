import { command, shared } from "./command.ts";

export default command({
  name: "fileshare resume",
  description: "Go on with a send or a receive that is not through",
  args: {
    number: {
      type: "positional",
      required: false,
      description:
        "Of fileshare list, or the beginning of a share's id; the only one when left out",
    },
    ca: shared.ca,
    token: shared.token,
    timeout: shared.timeout,
    json: shared.json,
  },
  examples: [
    ["fileshare resume", "go on with the only one there is"],
    ["fileshare resume 2", "go on with the second of fileshare list"],
  ],
  // One that is configured is found by the command that is run again.
  typedOnly: ["token", "timeout"],
  run: async (values, _raw, _args, registry) =>
    (await import("./run-resume.ts")).runResume(values, registry),
});
