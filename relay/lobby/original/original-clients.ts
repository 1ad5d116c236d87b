/**
 * The lobby's door for the original app: WebSockets at `/sender` and `/receiver`, with names and ends of files as
 * texts between the bytes. The worker tells it Bun's events of those sockets; each is a `Peer` of the worker.
 */
import { CLIENT_CONTROL_BYTES } from "../../../protocol/mod.ts";

import type { ClientAddress } from "../../access/client-address.ts";
import type { RelayLimitName } from "../../limits/operator-limits.ts";
import { closeReason } from "../../net/refusal.ts";
import { Line, type LineOptions, type RemoteEnd } from "../../net/line.ts";
import { TOKEN_OVER, type DisconnectReason } from "../../net/peer.ts";
import type { LobbyContext } from "../context.ts";
import { OriginalReceiver } from "./original-receiver.ts";
import { OriginalSender } from "./original-sender.ts";
import {
  GOING_AWAY,
  NORMAL,
  POLICY,
  TOO_LONG,
  TRY_AGAIN,
  type OriginalData,
  type OriginalSocket,
} from "./original-socket.ts";

const ROLES: ReadonlyMap<string, OriginalData["role"]> = new Map([
  ["/sender", "sender"],
  ["/receiver", "receiver"],
]);

const CLOSING: Readonly<Record<DisconnectReason, readonly [code: number, reason: string]>> = {
  banned: [POLICY, "banned"],
  "not-allowed": [POLICY, TOKEN_OVER],
  "going-away": [GOING_AWAY, "the relay goes away"],
};

export class OriginalClients {
  readonly #context: LobbyContext;
  readonly #lines: LineOptions;

  constructor(context: LobbyContext, lines: LineOptions) {
    this.#context = context;
    this.#lines = lines;
  }

  /** @returns undefined: the path is none of the original app */
  dataFor(path: string, client: ClientAddress, remote: RemoteEnd | null): OriginalData | undefined {
    const role = ROLES.get(path);
    if (role === undefined) return undefined;
    const data: OriginalData = {
      door: "text",
      role,
      client,
      grant: undefined,
      place: undefined,
      line: new Line(this.#lines, client, remote),
      socket: undefined,
      session: undefined,
      tick: () => this.#tick(data),
      disconnect: (reason) => data.socket?.close(...CLOSING[reason]),
    };
    return data;
  }

  opened(socket: OriginalSocket): void {
    const { data } = socket;
    data.socket = socket;
    data.line.watch(data.role === "receiver", (bytes) => data.session?.arrived(bytes));
    const Session = data.role === "sender" ? OriginalSender : OriginalReceiver;
    data.session = new Session(socket, this.#context);
  }

  message(socket: OriginalSocket, message: string | Uint8Array): void {
    const { line, role, session } = socket.data;
    line.message(message.length);
    // The slowest receiver paces the bytes of a file.
    const isData = role === "sender" && typeof message !== "string";
    if (!isData && !this.#mayTalk(socket)) return;
    if (typeof message === "string" && message.length > CLIENT_CONTROL_BYTES) {
      socket.close(POLICY, TOO_LONG);
      return;
    }
    session?.message(message);
  }

  /** A ping or a pong came. */
  signOfLife(socket: OriginalSocket, length: number): void {
    socket.data.line.control(length);
    this.#mayTalk(socket);
  }

  #mayTalk(socket: OriginalSocket): boolean {
    if (socket.data.line.allows()) return true;
    this.#refuse(socket, "messages-per-second");
    return false;
  }

  #refuse(socket: OriginalSocket, name: RelayLimitName): void {
    const { code, detail } = this.#context.limits.over(name);
    socket.close(TRY_AGAIN, closeReason(code, detail));
  }

  drained(socket: OriginalSocket): void {
    // Bun reports each part that the kernel took.
    if (socket.getBufferedAmount() === 0) socket.data.session?.drained();
  }

  closed({ data }: OriginalSocket): void {
    data.line.closed();
    data.session?.closed();
    data.session = undefined;
  }

  #tick({ session, line, socket }: OriginalData): void {
    if (socket === undefined) return;
    const { limits, clock } = this.#context;
    session?.tick();
    const overdue = line.overdue(socket) ?? session?.overdue(limits.now, clock());
    if (overdue === "message-timeout" || overdue === "hello-timeout") {
      this.#refuse(socket, overdue);
    } else if (overdue === "done") {
      socket.close(NORMAL, "done");
    } else if (overdue !== undefined) {
      limits.count(overdue);
      socket.terminate();
    } else if (line.isPingDue) {
      line.ping(socket);
    }
  }
}
