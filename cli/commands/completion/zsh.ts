import {
  furtherWords,
  isList,
  longWords,
  short,
  type CommandWords,
  type Further,
  type Option,
  type Value,
} from "./words.ts";

export function zshScript(commands: readonly CommandWords[]): string {
  const further = furtherWords(commands);
  const long = longWords(further).map((word) => `"${word}"`);
  return `#compdef fileshare
# zsh completion of fileshare; made by: fileshare completion zsh
_fileshare() {
  local -a commands
  commands=(
${commands
  .filter(({ word }) => !word.includes(" "))
  .map(({ word, description }) => `    ${quote(`${word}:${short(description)}`)}`)
  .join("\n")}
    'help:Print the help of a command'
  )
  if ((CURRENT == 2)); then
    _describe command commands
    return
  fi
  local command=$words[2]
  shift words
  ((CURRENT--))
  while ((CURRENT > 2)); do
    case "$command $words[2]" in
      ${long.join(" | ")}) command="$command $words[2]"; shift words; ((CURRENT--)) ;;
      *) break ;;
    esac
  done
  if ((CURRENT == 2)) && [[ $PREFIX != -* ]]; then
    case $command in
${further.map(furtherCase).join("\n")}
    esac
  fi
  case $command in
    help) _describe command commands ;;
${commands.map(commandCase).join("\n")}
  esac
}
# Loaded from the fpath it is the function itself; sourced it has to be registered.
if [[ $funcstack[1] == _fileshare ]]; then _fileshare "$@"; else compdef _fileshare fileshare; fi
`;
}

function furtherCase([begun, next]: Further[number]): string {
  return `      "${begun}") compadd -- ${next.join(" ")}; return ;;`;
}

function commandCase({ word, options, words }: CommandWords): string {
  // A free word would keep an option that is the only one from being put in at once.
  const rest =
    words === "anything" ? [] : [quote(`*:${word.replaceAll(" ", "-")}:${action(words)}`)];
  const specs = [...options.map(optionSpec), ...rest];
  return `    "${word}")
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
