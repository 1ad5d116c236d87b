import { isList, type CommandWords, type Value } from "./words.ts";

/** For bash 3.2 (macOS) and later, without the bash-completion package. */
export function bashScript(commands: readonly CommandWords[]): string {
  const all = [...commands.map(({ word }) => word), "help", "--help", "--version"].join(" ");
  return `# bash completion of fileshare; made by: fileshare completion bash
_fileshare() {
  local word=\${COMP_WORDS[COMP_CWORD]} before=\${COMP_WORDS[COMP_CWORD-1]}
  COMPREPLY=()
  # bash cuts --option=value at the sign.
  if [[ $word == "=" ]]; then
    word=
  elif [[ $before == "=" ]]; then
    before=\${COMP_WORDS[COMP_CWORD-2]}
  fi
  if ((COMP_CWORD == 1)); then
    COMPREPLY=($(compgen -W "${all}" -- "$word"))
    return
  fi
  case "\${COMP_WORDS[1]} $before" in
${commands.flatMap(valueCases).join("\n")}
  esac
  case "\${COMP_WORDS[1]}" in
    help) COMPREPLY=($(compgen -W "${commands.map(({ word }) => word).join(" ")}" -- "$word")) ;;
${commands.map(wordCase).join("\n")}
  esac
}
_fileshare_paths() {
  local path
  while IFS= read -r path; do COMPREPLY+=("$path"); done < <(compgen "$1" -- "$2")
  compopt -o filenames 2>/dev/null
}
complete -F _fileshare fileshare
`;
}

function valueCases({ word, options }: CommandWords): string[] {
  return options.flatMap(({ name, value }) =>
    value === undefined ? [] : [`    "${word} --${name}") ${complete(value)}; return ;;`],
  );
}

function wordCase({ word, options, words }: CommandWords): string {
  const names = options.map(({ name }) => `--${name}`).join(" ");
  return `    ${word})
      if [[ $word == -* ]]; then COMPREPLY=($(compgen -W "${names}" -- "$word"))
      else ${complete(words)}; fi ;;`;
}

function complete(value: Value): string {
  if (isList(value)) return `COMPREPLY=($(compgen -W "${value.join(" ")}" -- "$word"))`;
  if (value === "anything") return ":";
  return `_fileshare_paths ${value === "files" ? "-f" : "-d"} "$word"`;
}
