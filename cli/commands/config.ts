import { command } from "./command.ts";

export default command({
  name: "fileshare config",
  description: "Show the options that the configuration file and the environment set",
  args: {
    edit: {
      type: "boolean",
      description: "Open the file in VISUAL or EDITOR; config makes it if it is missing",
    },
    path: { type: "boolean", description: "Print the path of the file, whether it exists or not" },
    example: {
      type: "boolean",
      description: "Print a sample file with every option, each commented out",
    },
    json: { type: "boolean", description: "Print the options as one JSON object" },
  },
  examples: [
    ["fileshare config", "show each value and its source"],
    ["fileshare config --edit", "change the file"],
    ["fileshare config --path", "print the path for a script"],
  ],
  typedOnly: ["edit", "path", "example", "json"],
  rivals: [["edit", "path", "example", "json"]],
  run: async (values, _raw, _args, registry) =>
    (await import("./run-config.ts")).runConfig(values, registry),
});
