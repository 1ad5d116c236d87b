import { command } from "./command.ts";

export default command({
  name: "fileshare key",
  description: "Print the keys of a code, for programs that fetch and decrypt by themselves",
  args: {
    code: {
      type: "positional",
      required: false,
      description:
        "The code, or its words, a pasted command or web link, or lobby (else FILESHARE_CODE, else the standard input, else asked for)",
    },
    share: {
      type: "string",
      valueHint: "ID",
      description: "Also print the path of this share at the relay; ID is 32 hex digits",
    },
    json: { type: "boolean", description: "Print a JSON object" },
  },
  many: ["code"],
  examples: [
    ["fileshare key", "ask for the code, and print what is made of it"],
    ["FILESHARE_CODE=... fileshare key --json", "for scripts"],
  ],
  run: async (values) => (await import("./run-key.ts")).runKey(values),
});
