import { command } from "./command.ts";

export default command({
  name: "fileshare config",
  description: "Show the options that are set by the configuration file and the environment",
  args: {
    edit: { type: "boolean", description: "Open the file in VISUAL or EDITOR, made if needed" },
    path: { type: "boolean", description: "Print where the file is, or would be" },
    example: { type: "boolean", description: "Print a file with every option there is, all unset" },
    json: { type: "boolean", description: "Print the options as one JSON object" },
  },
  examples: [
    ["fileshare config", "what is set, and by what"],
    ["fileshare config --edit", "change it"],
    ["fileshare config --path", "for scripts"],
  ],
  typedOnly: ["edit", "path", "example", "json"],
  rivals: [["edit", "path", "example", "json"]],
  run: async (values, _raw, _args, registry) =>
    (await import("./run-config.ts")).runConfig(values, registry),
});
