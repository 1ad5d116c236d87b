import { isList, short, type CommandWords, type Value } from "./words.ts";

export function fishScript(commands: readonly CommandWords[]): string {
  const lines = commands.flatMap(({ word, description, options, words }) => {
    const seen = `-n "__fish_seen_subcommand_from ${word}"`;
    return [
      `complete -c fileshare -n __fish_use_subcommand -f -a ${word} -d ${quote(short(description))}`,
      `complete -c fileshare ${seen} ${takes(words)}`,
      ...options.map(({ name, description, value }) => {
        const argument = value === undefined ? "" : ` -r ${takes(value)}`;
        return `complete -c fileshare ${seen} -l ${name}${argument} -d ${quote(short(description))}`;
      }),
    ];
  });
  return `# fish completion of fileshare; made by: fileshare completion fish
complete -c fileshare -n __fish_use_subcommand -f -a help -d 'Print the help of a command'
complete -c fileshare -n "__fish_seen_subcommand_from help" -f -a "${commands.map(({ word }) => word).join(" ")}"
${lines.join("\n")}
`;
}

function takes(value: Value): string {
  if (isList(value)) return `-f -a "${value.join(" ")}"`;
  if (value === "anything") return "-f";
  return value === "files" ? "-F" : "-f -a '(__fish_complete_directories)'";
}

function quote(text: string): string {
  return `'${text.replaceAll("\\", "\\\\").replaceAll("'", "\\'")}'`;
}
