/** The share sheet of the system (Web Share), which browsers give to secure pages alone. */

export function canShareLink(url: string): boolean {
  const { canShare, share } = navigator as Partial<Navigator>;
  return share !== undefined && (canShare?.call(navigator, { url }) ?? true);
}

/**
 * Call it in the handler of a click.
 * @param title for the app that gets it; it names no file and no code
 * @returns whether the person passed it on
 */
export async function shareLink(url: string, title: string): Promise<boolean> {
  try {
    await navigator.share({ title, url });
    return true;
  } catch {
    // The person closed the sheet, or no app could take it.
    return false;
  }
}
