/** The logo and the few pictures of the page. None of them says something that no text says. */
import type { JSX } from "preact";

export function Logo(): JSX.Element {
  return (
    <svg class="logo" viewBox="0 0 32 32" aria-hidden="true">
      <rect class="logo-ground" width="32" height="32" rx="8" />
      <path class="logo-lines" d="M9 16 22.5 8M9 16h13.5M9 16l13.5 8" />
      <circle class="logo-dot" cx="9" cy="16" r="3.6" />
      <circle class="logo-dot" cx="23" cy="8" r="2.4" />
      <circle class="logo-dot" cx="23" cy="16" r="2.4" />
      <circle class="logo-dot" cx="23" cy="24" r="2.4" />
    </svg>
  );
}

const PATHS = {
  file: "M7 3h7l5 5v13H7zM14 3v5h5",
  folder: "M3 6h6l2 2h10v11H3z",
  text: "M5 6h14M5 11h14M5 16h9",
  lobby: "M4 20V9l8-5 8 5v11M9 20v-6h6v6",
  warning: "M12 4 2.5 20h19zM12 10v5M12 17.5v.5",
  check: "M5 12.5 10 17.5 19.5 7",
  cross: "M6 6 18 18M18 6 6 18",
  up: "M12 19V6M6 11l6-6 6 6",
  down: "M12 5v13M6 13l6 6 6-6",
} as const;

type IconName = keyof typeof PATHS;

export function Icon({ name }: { readonly name: IconName }): JSX.Element {
  return (
    <svg class="icon" viewBox="0 0 24 24" aria-hidden="true">
      <path d={PATHS[name]} />
    </svg>
  );
}
