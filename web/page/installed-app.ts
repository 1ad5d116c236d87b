/**
 * The page as an installed app: other apps share files and texts with it. The service worker takes
 * them from the browser, so an installed page registers it at once. Other pages do so when they save.
 */
import type { ChosenFile } from "../job/send-messages.ts";
import { given } from "./app-state.ts";

/** Shows what another app shared, if it did, in the form that sends. */
export async function takeGiven(): Promise<void> {
  if (!globalThis.isSecureContext) return;
  addEventListener("appinstalled", () => void register());
  if (matchMedia("(display-mode: standalone)").matches) void register();
  const [{ takeShared }, { filesOfInput }] = await Promise.all([
    import("../browser/shared-files.ts"),
    import("../source/chosen-files.ts"),
  ]);
  const shared = await takeShared();
  if (shared === undefined) return;
  const files: readonly ChosenFile[] = filesOfInput(shared.files);
  given.value = { files, text: shared.text };
}

async function register(): Promise<void> {
  const { serviceWorker } = await import("../browser/service-worker-client.ts");
  await serviceWorker();
}
