import { command } from "./command.ts";

export default command({
  name: "fileshare key",
  description: "Print the channel and the key of a code, for programs that decrypt by themselves",
  args: {
    code: {
      type: "positional",
      required: false,
      description:
        "The code, or lobby (else FILESHARE_CODE, else the standard input, else asked for)",
    },
    json: { type: "boolean", description: "Print a JSON object" },
  },
  examples: [
    ["fileshare key", "ask for the code, and print what is made of it"],
    ["FILESHARE_CODE=... fileshare key --json", "for scripts"],
  ],
  run: async (values) => (await import("./run-key.ts")).runKey(values),
});
