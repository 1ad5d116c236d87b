/** The words between the page and its worker about the files that the lobby offers now. */
import type { FaultCode } from "../../protocol/wire/faults.ts";
import type { OfferedFile } from "./receive-messages.ts";

/** Looks at the lobby, and tells of changes until `stop`. */
export interface LobbyJob {
  readonly t: "lobby-list";
  readonly relay: string;
  readonly token?: string | undefined;
}

export type LobbyCommand = LobbyJob | { readonly t: "stop" };

export interface LobbyShare {
  readonly share: string;
  readonly kind: "files" | "text";
  /** The first files. None: the names are not known before a person takes the share. */
  readonly files: readonly OfferedFile[];
  /** Files that are not among these. */
  readonly more: number;
  readonly bytes: number;
  readonly open: boolean;
}

export type LobbyEvent =
  | { readonly t: "lobby"; readonly shares: readonly LobbyShare[] }
  | { readonly t: "link"; readonly online: boolean; readonly message?: string | undefined }
  | {
      readonly t: "end";
      readonly fault?: FaultCode | undefined;
      readonly message?: string | undefined;
    };
