/** The page: `index.html` loads it. */
import { render } from "preact";

import { App } from "./app.tsx";
import { watchAttention } from "./attention-watch.ts";
import { takeGiven } from "./installed-app.ts";
import { watchLocation } from "./open-code.ts";

// Before anything else: the code must not stay in the address bar.
watchLocation();
watchAttention();

const root = document.querySelector("#app");
if (root !== null) render(<App />, root);

takeGiven().catch(() => {
  // A browser that stores nothing has nothing for this page.
});
