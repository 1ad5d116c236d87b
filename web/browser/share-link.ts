/** The share sheet of the system (Web Share), which browsers give to secure pages alone. */

export function canShareLink(url: string): boolean {
  const { canShare, share } = navigator as Partial<Navigator>;
  return share !== undefined && (canShare?.call(navigator, { url }) ?? true);
}

/**
 * Call it in the handler of a click.
 * @param title for the app that gets it; it names no file and no code
 */
export async function passOn(url: string, title: string): Promise<void> {
  try {
    await navigator.share({ title, url });
  } catch {
    // The person closed the sheet, or no app could take it.
  }
}
