/** The environment variables that the command line reads; docs/reference/cli.md and the manual print them. */
export const ENVIRONMENT: readonly (readonly [name: string, meaning: string])[] = [
  ["FILESHARE_CODE", "the code; other users cannot read it, unlike an argument"],
  ["FILESHARE_RELAY", "the relay (default: ws://127.0.0.1:8000)"],
  ["FILESHARE_TOKEN", "the token for a relay that asks for one; other users cannot read it"],
  ["FILESHARE_RELAY_TOKENS", "relay: the text of a token file, for containers without files"],
  ["FILESHARE_OPTION", "any other option, in capitals with _ for -; switches take 1 or 0"],
  ["FILESHARE_CONFIG", "the path of the configuration file; empty for none"],
  ["XDG_CONFIG_HOME", "the folder of fileshare/config.toml (default: ~/.config)"],
  [
    "XDG_STATE_HOME",
    "the folder of fileshare/, which remembers unfinished transfers; /dev/null remembers none (default: ~/.local/state)",
  ],
  [
    "XDG_RUNTIME_DIR",
    "the same for a user without a home; also the folder where a relay leaves its admin address",
  ],
  ["TMPDIR", "the folder for both without XDG_RUNTIME_DIR (default: /tmp)"],
  ["FILESHARE_DEBUG", "1 prints the stack of an internal error too"],
  ["HTTPS_PROXY", "an HTTP proxy for relays at wss://; the names in lower case work too"],
  ["HTTP_PROXY", "an HTTP proxy for relays at ws://"],
  ["ALL_PROXY", "an HTTP proxy for both"],
  ["NO_PROXY", "hosts and domains to reach without a proxy; * for all"],
  ["NOTIFY_SOCKET", "the socket of systemd, which a relay tells when it listens and ends"],
  ["NO_COLOR", "any value turns colours off"],
  ["LC_ALL", "as LC_CTYPE and LANG: without UTF-8, bars are ASCII"],
  ["TERM", "dumb prints plain lines, as without a terminal"],
];
