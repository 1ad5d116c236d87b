/** The page: `index.html` loads it. */
import { render } from "preact";

render(<p>fileshare</p>, document.body);
