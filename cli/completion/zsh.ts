import { isList, short, type CommandWords, type Option, type Value } from "./words.ts";

export function zshScript(commands: readonly CommandWords[]): string {
  return `#compdef fileshare
# zsh completion of fileshare; made by: fileshare completion zsh
_fileshare() {
  local -a commands
  commands=(
${commands.map(({ word, description }) => `    ${quote(`${word}:${short(description)}`)}`).join("\n")}
    'help:Print the help of a command'
  )
  if ((CURRENT == 2)); then
    _describe command commands
    return
  fi
  local command=$words[2]
  shift words
  ((CURRENT--))
  case $command in
    help) _describe command commands ;;
${commands.map(commandCase).join("\n")}
  esac
}
# Loaded from the fpath it is the function itself; sourced it has to be registered.
if [[ $funcstack[1] == _fileshare ]]; then _fileshare "$@"; else compdef _fileshare fileshare; fi
`;
}

function commandCase({ word, options, words }: CommandWords): string {
  const specs = [...options.map(optionSpec), quote(`*:${word}:${action(words)}`)];
  return `    ${word})
      _arguments -s \\
        ${specs.join(" \\\n        ")} ;;`;
}

function optionSpec({ name, description, value }: Option): string {
  const text = short(description).replaceAll(/[[\]\\:]/g, "\\$&");
  if (value === undefined) return quote(`--${name}[${text}]`);
  return quote(`--${name}=[${text}]:${name}:${action(value)}`);
}

function action(value: Value): string {
  if (isList(value)) return `(${value.join(" ")})`;
  if (value === "anything") return " ";
  return value === "files" ? "_files" : "_files -/";
}

function quote(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}
