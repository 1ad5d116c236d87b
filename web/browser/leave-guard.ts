/** The browser asks before it closes or reloads the page, while any transfer needs it. */
let guards = 0;

function ask(event: BeforeUnloadEvent): void {
  // The words of the question are the browser's own.
  event.preventDefault();
}

/** @returns ends it; a second call does nothing */
export function guardLeaving(): () => void {
  // A page with such a listener cannot go into the cache of the back button, so it is there only when needed.
  if (guards++ === 0) addEventListener("beforeunload", ask);
  let isOver = false;
  return () => {
    if (isOver) return;
    isOver = true;
    if (--guards === 0) removeEventListener("beforeunload", ask);
  };
}
