import { command } from "./command.ts";

export default command({
  name: "fileshare completion",
  description: "Print a script that makes a shell complete commands, options and paths",
  args: {
    shell: { type: "positional", required: false, description: "bash, zsh or fish" },
  },
  examples: [
    [
      "source <(fileshare completion bash)",
      "complete in this bash; put the line into ~/.bashrc to keep it",
    ],
    [
      "fileshare completion zsh > ~/.zfunc/_fileshare",
      "complete in zsh, with ~/.zfunc in its fpath",
    ],
    [
      "fileshare completion fish > ~/.config/fish/completions/fileshare.fish",
      "complete in fish, from the next start on",
    ],
  ],
  run: async ({ shell }, _raw, _args, registry) =>
    (await import("./run-completion.ts")).runCompletion(shell, registry),
});
