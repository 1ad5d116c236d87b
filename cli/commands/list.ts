import { command, shared } from "./command.ts";

export default command({
  name: "fileshare list",
  description: "Show sends and receives that are not through",
  args: { json: shared.json },
  examples: [
    ["fileshare list", "numbers, names, codes, how far"],
    ["fileshare list --json", "the same for programs, one JSON object a line"],
  ],
  run: async (values) => (await import("./run-list.ts")).runList(values),
});
