import { firstWords, furtherWords, isList, short, type CommandWords, type Value } from "./words.ts";

export function fishScript(commands: readonly CommandWords[]): string {
  const further = furtherWords(commands);
  /** The words call that command, and no other that begins like it. */
  const isCalled = (word: string): string => {
    const next = further.find(([begun]) => begun === word)?.[1] ?? [];
    return [
      `__fileshare_is ${word}`,
      ...next.map((each) => `not __fileshare_is ${word} ${each}`),
    ].join("; and ");
  };
  const descriptionOf = (word: string): string => {
    const { description = "" } = commands.find((each) => each.word === word) ?? {};
    return description === "" ? "" : ` -d ${quote(short(description))}`;
  };
  const groups = further.flatMap(([begun, next]) => {
    return next.map((word) => {
      const condition = `-n "${isCalled(begun)}"`;
      return `complete -c fileshare ${condition} -f -a ${word}${descriptionOf(`${begun} ${word}`)}`;
    });
  });
  const lines = commands.flatMap(({ word, description, options, words }) => {
    const seen = `-n "${isCalled(word)}"`;
    const first = word.includes(" ")
      ? []
      : [
          `complete -c fileshare -n __fish_use_subcommand -f -a ${word} -d ${quote(short(description))}`,
        ];
    return [
      ...first,
      `complete -c fileshare ${seen} ${takes(words)}`,
      ...options.map(({ name, description, value }) => {
        const argument = value === undefined ? "" : ` -r ${takes(value)}`;
        return `complete -c fileshare ${seen} -l ${name}${argument} -d ${quote(short(description))}`;
      }),
    ];
  });
  return `# fish completion of fileshare; made by: fileshare completion fish
function __fileshare_is
  set -l words (commandline -opc)
  set -l count (math (count $argv) + 1)
  test (count $words) -ge $count; and test "$words[2..$count]" = "$argv"
end
complete -c fileshare -n __fish_use_subcommand -f -a help -d 'Print the help of a command'
complete -c fileshare -n "__fish_seen_subcommand_from help" -f -a "${firstWords(commands).join(" ")}"
${groups.join("\n")}
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
