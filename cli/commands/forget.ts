import { command } from "./command.ts";

export default command({
  name: "fileshare forget",
  description: "Forget unfinished sends and receives; files stay where they are",
  args: {
    number: {
      type: "positional",
      required: false,
      description: "The number in fileshare list, or the start of a share's id",
    },
    all: { type: "boolean", description: "Forget all of them, codes included" },
  },
  examples: [
    ["fileshare forget 2", "forget the second entry of fileshare list"],
    ["fileshare forget --all", "forget everything"],
  ],
  typedOnly: ["all"],
  run: async (values) => (await import("./run-forget.ts")).runForget(values),
});
