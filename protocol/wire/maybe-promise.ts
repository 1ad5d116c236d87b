/**
 * Values that come at once from node:crypto and later from WebCrypto. One piece of code serves
 * both: it chains with `chain` and `all`, and stays synchronous where its values are.
 */
export type MaybePromise<T> = T | Promise<T>;

/** Calls `step` with the value: now where it is here, later where it is promised. */
export function chain<T, U>(
  value: MaybePromise<T>,
  step: (value: T) => MaybePromise<U>,
): MaybePromise<U> {
  return value instanceof Promise ? value.then(step) : step(value);
}

/** All values of a tuple: an array now where none is promised, a promise of it otherwise. */
export function all<T extends readonly unknown[]>(values: {
  [K in keyof T]: MaybePromise<T[K]>;
}): MaybePromise<T> {
  const list: readonly unknown[] = values;
  if (!list.some((value) => value instanceof Promise)) return list as unknown as T;
  return Promise.all(list) as Promise<unknown> as Promise<T>;
}
