import { getNextFocus } from "@bbc/tv-lrud-spatial";
import { belongsToTextField, keyAction } from "./keys";
import type { KeyAction } from "./keys";
import { reveal } from "./scroll";

/** A held key moves at most this often, so that the focus never outruns the picture. */
const HELD_KEY_MS = 110;
/** The key codes by which the spatial search knows the directions. */
const ARROWS: Partial<Record<KeyAction, number>> = { left: 37, up: 38, right: 39, down: 40 };
const FOCUSABLE = "a[href], button:not([disabled]), input:not([disabled]), select, [tabindex='0']";

/** What a page does with a key before the focus layer; true means it is dealt with. */
export type KeyHandler = (action: KeyAction, event: KeyboardEvent) => boolean;

/** Moves the focus by arrow keys, within the topmost dialog where there is one. */
export class FocusLayer {
  private readonly scopes: HTMLElement[] = [];
  private readonly handlers: KeyHandler[] = [];
  private lastMove = -Infinity;

  constructor(
    private readonly root: HTMLElement,
    private readonly onBack: () => void,
  ) {}

  start(): void {
    window.addEventListener("keydown", (event) => {
      this.pressed(event);
    });
    const pointed = () => {
      document.documentElement.setAttribute("data-input", "pointer");
    };
    window.addEventListener("mousedown", pointed);
    window.addEventListener("touchstart", pointed, { passive: true });
  }

  /** Keeps the focus inside `element` until the returned function is called, which gives it back. */
  trap(element: HTMLElement): () => void {
    const before = document.activeElement;
    this.scopes.push(element);
    return () => {
      this.scopes.splice(this.scopes.indexOf(element), 1);
      if (before instanceof HTMLElement && document.contains(before)) this.focus(before);
    };
  }

  /** Lets a page see keys first; the newest handler is asked first. */
  handle(handler: KeyHandler): () => void {
    this.handlers.push(handler);
    return () => {
      this.handlers.splice(this.handlers.indexOf(handler), 1);
    };
  }

  scope(): HTMLElement {
    return this.scopes[this.scopes.length - 1] ?? this.root;
  }

  /** The focused element, unless it lies outside the present scope. */
  focused(): HTMLElement | null {
    const active = document.activeElement;
    return active instanceof HTMLElement && active !== document.body && this.scope().contains(active) ? active : null;
  }

  focus(element: HTMLElement): void {
    element.focus({ preventScroll: true });
    reveal(element);
  }

  /** Focuses the page's own first choice, else the first thing in its main part. */
  focusDefault(): boolean {
    const target = this.firstChoice();
    if (target === null) return false;
    this.focus(target);
    return true;
  }

  /** The same for mouse and touch: nothing scrolls, and no keyboard slides over the page. */
  focusQuietly(): boolean {
    const target = this.firstChoice();
    if (target === null) return false;
    if (!isTextField(target) || !window.matchMedia("(pointer: coarse)").matches) target.focus({ preventScroll: true });
    return true;
  }

  private firstChoice(): HTMLElement | null {
    const scope = this.scope();
    const main = scope.querySelector<HTMLElement>("main") ?? scope;
    return (
      scope.querySelector<HTMLElement>("[data-autofocus]:not([disabled])") ?? main.querySelector<HTMLElement>(FOCUSABLE)
    );
  }

  private pressed(event: KeyboardEvent): void {
    if (event.key === "Tab") keysInUse();
    const action = keyAction(event);
    if (action === null || event.isComposing) return;
    if (isTextField(event.target) && belongsToTextField(event, action)) return;
    if (action !== "enter") keysInUse();
    if (this.act(action, event)) event.preventDefault();
  }

  private act(action: KeyAction, event: KeyboardEvent): boolean {
    // A held Enter must not press the next page's button as well.
    if (action === "enter" && event.repeat) return true;
    if (this.handlers.slice().reverse().some((handler) => handler(action, event))) return true;
    if (action === "back") {
      this.onBack();
      return true;
    }
    const direction = ARROWS[action];
    if (direction === undefined) return false;
    this.move(direction, event);
    return true;
  }

  private move(direction: number, event: KeyboardEvent): void {
    if (event.repeat && event.timeStamp - this.lastMove < HELD_KEY_MS) return;
    this.lastMove = event.timeStamp;
    const from = this.focused();
    if (from === null) {
      this.focusDefault();
      return;
    }
    const next = getNextFocus(from, direction, this.scope());
    if (next) this.focus(next);
    // At the edge of what can be focused the rest of the page can still be read.
    else if (direction === ARROWS.up) window.scrollTo(0, 0);
    else if (direction === ARROWS.down) window.scrollBy(0, window.innerHeight / 3);
  }
}

function keysInUse(): void {
  document.documentElement.setAttribute("data-input", "keys");
}

function isTextField(target: EventTarget | null): boolean {
  return target instanceof HTMLInputElement && target.type !== "range" && target.type !== "checkbox";
}
