/** The environment variables that the command line reads; docs/cli.md and the manual print them. */
export const ENVIRONMENT: readonly (readonly [name: string, meaning: string])[] = [
  ["FILESHARE_CODE", "the code, where nobody else can see it"],
  ["FILESHARE_RELAY", "the relay, where --relay is not given"],
  ["FILESHARE_TOKEN", "the token for a relay that wants one, where nobody else can see it"],
  ["FILESHARE_RELAY_TOKENS", "relay: the text of a file of tokens, where there are no files"],
  ["FILESHARE_OPTION", "any other option in capitals, _ for -; switches take 1 or 0"],
  ["FILESHARE_CONFIG", "the configuration file, or nothing for none"],
  ["XDG_CONFIG_HOME", "where that is else, in fileshare/config.toml (~/.config)"],
  [
    "XDG_STATE_HOME",
    "where unfinished transfers are remembered, in fileshare (~/.local/state); /dev/null: not",
  ],
  ["XDG_RUNTIME_DIR", "where that is for a user without a home, and how a relay of yours is found"],
  ["TMPDIR", "where both are without it (/tmp)"],
  ["FILESHARE_DEBUG", "1: where a mistake of fileshare's own happened is printed too"],
  ["HTTPS_PROXY", "an HTTP proxy for relays at wss://; http_proxy and the like work too"],
  ["HTTP_PROXY", "an HTTP proxy for relays at ws://"],
  ["ALL_PROXY", "an HTTP proxy for both"],
  ["NO_PROXY", "hosts and domains that are reached without a proxy; * for all"],
  ["NOTIFY_SOCKET", "where a relay tells systemd that it listens, and that it ends"],
  ["NO_COLOR", "not empty: no colours"],
  ["TERM", "dumb: plain lines, as where there is no terminal"],
];
