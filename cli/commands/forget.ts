import { command } from "./command.ts";

export default command({
  name: "fileshare forget",
  description: "Forget sends and receives that are not through; files stay where they are",
  args: {
    number: {
      type: "positional",
      required: false,
      description: "Of fileshare list, or the beginning of a share's id",
    },
    all: { type: "boolean", description: "All of them, codes included" },
  },
  examples: [
    ["fileshare forget 2", "the second of fileshare list"],
    ["fileshare forget --all", "everything"],
  ],
  typedOnly: ["all"],
  run: async (values) => (await import("./run-forget.ts")).runForget(values),
});
