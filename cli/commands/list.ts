import { command, shared } from "./command.ts";

export default command({
  name: "fileshare list",
  description: "Show unfinished sends and receives",
  args: { json: shared.json },
  examples: [
    ["fileshare list", "show numbers, names, codes and progress"],
    ["fileshare list --json", "print the same for a program, one JSON object per line"],
  ],
  run: async (values) => (await import("./run-list.ts")).runList(values),
});
