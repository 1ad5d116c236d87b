/** The parts of the browser that the page uses; the types of this project are Bun's. */

export interface PageElement {
  textContent: string;
  hidden: boolean;
  className: string;
  value: string;
  disabled: boolean;
  readonly dataset: Record<string, string>;
  readonly style: { setProperty(name: string, value: string): void };
  append(...children: readonly (PageElement | string)[]): void;
  replaceChildren(...children: readonly (PageElement | string)[]): void;
  remove(): void;
  setAttribute(name: string, value: string): void;
  querySelector(selector: string): PageElement | null;
  closest(selector: string): PageElement | null;
  addEventListener(type: string, listener: (event: PageEvent) => void): void;
  showModal(): void;
  focus(): void;
}

export interface PageEvent {
  /** Of a form: the button that was pressed. */
  readonly submitter?: PageElement | null;
  preventDefault(): void;
}

interface PageDocument {
  readonly documentElement: PageElement;
  readonly visibilityState: "visible" | "hidden";
  title: string;
  createElement(tag: string): PageElement;
  getElementById(id: string): PageElement | null;
  addEventListener(type: string, listener: () => void): void;
}

interface Storage {
  getItem(key: string): string | null;
  setItem(key: string, value: string): void;
  removeItem(key: string): void;
}

declare const document: PageDocument;
declare const location: { readonly hash: string; readonly pathname: string };
declare const history: { replaceState(state: null, title: string, url: string): void };
declare const sessionStorage: Storage;
declare function getComputedStyle(of: PageElement): { getPropertyValue(name: string): string };
declare function matchMedia(query: string): {
  addEventListener(type: "change", listener: () => void): void;
};

export const page = document;
export const address = location;
export const past = history;
export const session = sessionStorage;

/** @throws Error when the page has none, which is a mistake of ours */
export function byId(id: string): PageElement {
  const found = document.getElementById(id);
  if (found === null) throw new Error(`no #${id}`);
  return found;
}

/** An element with text in it: whatever it says never becomes markup. */
export function element(tag: string, className = "", text = ""): PageElement {
  const made = document.createElement(tag);
  if (className !== "") made.className = className;
  if (text !== "") made.textContent = text;
  return made;
}

export function colour(name: string): string {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

export function onTheme(changed: () => void): void {
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", changed);
}

/** Writes only what is another than before, so that nothing that is read aloud is read again. */
export function setText(of: PageElement, text: string): void {
  if (of.textContent !== text) of.textContent = text;
}
