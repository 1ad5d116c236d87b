import { command } from "./command.ts";

export default command({
  name: "fileshare completion",
  description: "Print what makes a shell complete commands, options and paths",
  args: {
    shell: { type: "positional", required: false, description: "bash, zsh or fish" },
  },
  examples: [
    [
      "source <(fileshare completion bash)",
      "for this bash; put the line into ~/.bashrc to keep it",
    ],
    ["fileshare completion zsh > ~/.zfunc/_fileshare", "for zsh, with ~/.zfunc in its fpath"],
    [
      "fileshare completion fish > ~/.config/fish/completions/fileshare.fish",
      "for fish, from the next start on",
    ],
  ],
  run: async ({ shell }, _raw, _args, registry) =>
    (await import("./run-completion.ts")).runCompletion(shell, registry),
});
