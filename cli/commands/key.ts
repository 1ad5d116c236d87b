import { command } from "./command.ts";

export default command({
  name: "fileshare key",
  description: "Print the keys of a code, for programs that fetch and decrypt a share themselves",
  args: {
    code: {
      type: "positional",
      required: false,
      description:
        "The code, its words, a pasted command or web link, or lobby (default: FILESHARE_CODE, else standard input, else ask)",
    },
    share: {
      type: "string",
      valueHint: "ID",
      description: "Also print the path of this share at the relay; 32 hex digits",
    },
    json: { type: "boolean", description: "Print a JSON object" },
  },
  many: ["code"],
  examples: [
    ["fileshare key", "ask for the code, and print its keys"],
    ["FILESHARE_CODE=... fileshare key --json", "print the keys in a script"],
  ],
  run: async (values) => (await import("./run-key.ts")).runKey(values),
});
