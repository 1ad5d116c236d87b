/**
 * The definitions of commands about this machine: unfinished transfers, keys, configuration, checks, completion.
 * `registry.ts` names the code that runs them.
 */
import { define, flag, shared, text, words, type ValuesOf } from "./definition.ts";

export const resume = define({
  name: "fileshare resume",
  description: "Continue an unfinished send or receive",
  args: {
    number: words(
      "The number in fileshare list, or the start of a share's id (default: the only one)",
    ),
    ca: shared.ca,
    token: shared.token,
    timeout: shared.timeout,
    json: shared.json,
  },
  examples: [
    ["fileshare resume", "continue the only unfinished transfer"],
    ["fileshare resume 2", "continue the second entry of fileshare list"],
  ],
  // The command that runs again finds configured values by itself.
  typedOnly: ["token", "timeout"],
});

export const list = define({
  name: "fileshare list",
  description: "Show unfinished sends and receives",
  args: { json: shared.json },
  examples: [
    ["fileshare list", "show numbers, names, codes and progress"],
    ["fileshare list --json", "print the same for a program, one JSON object per line"],
  ],
});

export const forget = define({
  name: "fileshare forget",
  description: "Forget unfinished sends and receives; files stay where they are",
  args: {
    number: words("The number in fileshare list, or the start of a share's id"),
    all: flag("Forget all of them, codes included"),
  },
  examples: [
    ["fileshare forget 2", "forget the second entry of fileshare list"],
    ["fileshare forget --all", "forget everything"],
  ],
  typedOnly: ["all"],
});

/** For shares at several relays. */
const stores = {
  relay: text("url,...", "Only shares at this relay, or at these (default: those at all relays)"),
  ca: shared.ca,
  token: shared.token,
  json: shared.json,
} as const;

export const stored = define({
  name: "fileshare stored",
  description: "Show the shares that this machine stored at relays, and who has them",
  args: stores,
  examples: [
    ["fileshare stored", "show names, codes, ends and receivers, as the relays say"],
    ["fileshare stored --json", "print the same for a program, one JSON object per line"],
  ],
});

export const revoke = define({
  name: "fileshare revoke",
  description: "Delete the shares that this machine stored under a code",
  args: {
    code: words(
      "The code, its words, or a pasted command or web link (default: FILESHARE_CODE, else standard input, else ask)",
    ),
    share: text("id", "Only this share of the code; its id, or at least 4 digits of its start"),
    ...stores,
  },
  many: ["code"],
  examples: [["fileshare revoke", "ask for the code, and delete its shares at their relays"]],
  typedOnly: ["share"],
});

export const key = define({
  name: "fileshare key",
  description: "Print the keys of a code, for programs that fetch and decrypt a share themselves",
  args: {
    code: words(
      "The code, its words, a pasted command or web link, or lobby (default: FILESHARE_CODE, else standard input, else ask)",
    ),
    share: text("ID", "Also print the path of this share at the relay; 32 hex digits"),
    json: flag("Print a JSON object"),
  },
  many: ["code"],
  examples: [
    ["fileshare key", "ask for the code, and print its keys"],
    ["FILESHARE_CODE=... fileshare key --json", "print the keys in a script"],
  ],
});

export const config = define({
  name: "fileshare config",
  description: "Show the options that the configuration file and the environment set",
  args: {
    edit: flag("Open the file in VISUAL or EDITOR; config makes it if it is missing"),
    path: flag("Print the path of the file, whether it exists or not"),
    example: flag("Print a sample file with every option, each commented out"),
    json: flag("Print the options as one JSON object"),
  },
  examples: [
    ["fileshare config", "show each value and its source"],
    ["fileshare config --edit", "change the file"],
    ["fileshare config --path", "print the path for a script"],
  ],
  typedOnly: ["edit", "path", "example", "json"],
  rivals: [["edit", "path", "example", "json"]],
});

export const doctor = define({
  name: "fileshare doctor",
  description: "Check the relay, the network to it, and this machine",
  args: {
    relay: shared.relay,
    ca: shared.ca,
    token: shared.token,
    quick: flag("Skip the test transfer that measures the rate through the relay"),
    json: flag("Print each check as a JSON object"),
  },
  examples: [
    ["fileshare doctor", "check the default relay"],
    ["fileshare doctor --relay wss://relay.example", "check another relay"],
    ["fileshare doctor --json --quick", "check in a script; exit code 0 means that nothing failed"],
  ],
  typedOnly: ["quick"],
});

export const completion = define({
  name: "fileshare completion",
  description: "Print a script that makes a shell complete commands, options and paths",
  args: {
    shell: words("bash, zsh or fish"),
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
});

export type ResumeValues = ValuesOf<typeof resume>;
export type ListValues = ValuesOf<typeof list>;
export type ForgetValues = ValuesOf<typeof forget>;
export type StoredValues = ValuesOf<typeof stored>;
export type RevokeValues = ValuesOf<typeof revoke>;
export type KeyValues = ValuesOf<typeof key>;
export type ConfigValues = ValuesOf<typeof config>;
export type DoctorValues = ValuesOf<typeof doctor>;
export type CompletionValues = ValuesOf<typeof completion>;
