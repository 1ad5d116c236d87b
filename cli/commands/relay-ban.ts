import { command, shared } from "./command.ts";
import { adminListener } from "./relay-status.ts";

export default command({
  name: "fileshare relay ban",
  description: "Disconnect addresses from a running relay, and refuse them from now on",
  args: {
    address: {
      type: "positional",
      required: false,
      description: "Addresses, or ranges such as 203.0.113.0/24; one of IPv6 stands for its /64",
    },
    for: {
      type: "string",
      valueHint: "time",
      description: "Ban for 30d, 12h or 45m, or until the day 2027-01-31 (default: for ever)",
    },
    admin: adminListener,
    token: shared.token,
  },
  examples: [
    ["fileshare relay ban 203.0.113.7 --for 12h", "ban an address for half a day"],
    ["fileshare relay ban 203.0.113.0/24", "ban a network for ever"],
  ],
  many: ["address"],
  typedOnly: ["for"],
  run: async (values) => (await import("./run-relay-actions.ts")).runBan(values),
});
