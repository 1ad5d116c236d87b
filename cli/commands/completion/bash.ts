import {
  firstWords,
  furtherWords,
  isList,
  longWords,
  type CommandWords,
  type Further,
  type Value,
} from "./words.ts";

/** For bash 3.2 (macOS) and later, without the bash-completion package. */
export function bashScript(commands: readonly CommandWords[]): string {
  const first = firstWords(commands).join(" ");
  const further = furtherWords(commands);
  const long = longWords(further).map((word) => `"${word}"`);
  return `# bash completion of fileshare; made by: fileshare completion bash
_fileshare() {
  local word=\${COMP_WORDS[COMP_CWORD]} before=\${COMP_WORDS[COMP_CWORD-1]}
  local command=\${COMP_WORDS[1]} at=1
  COMPREPLY=()
  # bash cuts --option=value at the sign.
  if [[ $word == "=" ]]; then
    word=
  elif [[ $before == "=" ]]; then
    before=\${COMP_WORDS[COMP_CWORD-2]}
  fi
  if ((COMP_CWORD == 1)); then
    COMPREPLY=($(compgen -W "${first} help --help --version" -- "$word"))
    return
  fi
  while ((at + 1 < COMP_CWORD)); do
    case "$command \${COMP_WORDS[at+1]}" in
      ${long.join(" | ")}) command="$command \${COMP_WORDS[++at]}" ;;
      *) break ;;
    esac
  done
  case "$command $before" in
${commands.flatMap(valueCases).join("\n")}
  esac
  if ((COMP_CWORD == at + 1)) && [[ $word != -* ]]; then
    case "$command" in
${further.map(furtherCase).join("\n")}
    esac
  fi
  case "$command" in
    help) COMPREPLY=($(compgen -W "${first}" -- "$word")) ;;
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

function furtherCase([begun, next]: Further[number]): string {
  return `      "${begun}") ${complete(next)}; return ;;`;
}

function wordCase({ word, options, words }: CommandWords): string {
  const names = options.map(({ name }) => `--${name}`).join(" ");
  return `    "${word}")
      if [[ $word == -* ]]; then COMPREPLY=($(compgen -W "${names}" -- "$word"))
      else ${complete(words)}; fi ;;`;
}

function complete(value: Value): string {
  if (isList(value)) return `COMPREPLY=($(compgen -W "${value.join(" ")}" -- "$word"))`;
  if (value === "anything") return ":";
  return `_fileshare_paths ${value === "files" ? "-f" : "-d"} "$word"`;
}
