/** The library's default metrics one by one, which its own types leave out. */
declare module "prom-client/lib/metrics/*.js" {
  import type { Registry } from "prom-client";

  const collect: (registry: Registry) => void;
  export default collect;
}
