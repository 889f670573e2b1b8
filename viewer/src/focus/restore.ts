import type { FocusLayer } from "./layer";
import type { PlaceMemory } from "./memory";

/** How long a page may take to draw the element that had the focus, and how long nothing may be focused. */
const PATIENCE_MS = 6_000;
const UNFOCUSED_MS = 700;

const keysInUse = () => document.documentElement.getAttribute("data-input") === "keys";

/**
 * Puts focus and scroll where they were on this page of the history, else the focus on the page's first choice,
 * and picks it up again whenever the focused element goes away: with keys there is always exactly one focus.
 */
export class FocusRestorer {
  private entry = "";
  private enteredAt = 0;
  private wanted: string | null = null;
  private scrollTo: number | null = null;
  private fresh = false;
  /** What has the focus now, to find it again when its element is drawn anew. */
  private present: string | null = null;
  private scheduled = false;

  constructor(
    private readonly root: HTMLElement,
    private readonly layer: FocusLayer,
    private readonly places: PlaceMemory,
  ) {}

  start(): void {
    new MutationObserver(() => {
      this.schedule();
    }).observe(this.root, { childList: true, subtree: true, attributes: true, attributeFilter: ["disabled"] });
    this.root.addEventListener("focusin", (event) => {
      const { target } = event;
      if (!(target instanceof HTMLElement) || target.id === "") return;
      this.present = target.id;
      if (target.closest("[role=dialog]") === null) this.places.noteFocus(this.entry, target.id);
    });
    window.addEventListener("scroll", () => {
      if (this.scrollTo === null) this.places.noteScroll(this.entry, "page", Math.round(window.pageYOffset));
    });
    // A press by the viewer ends the wait for what was there before.
    for (const press of ["keydown", "mousedown", "touchstart", "wheel"]) {
      window.addEventListener(press, () => {
        this.wanted = null;
        this.scrollTo = null;
        this.schedule();
      });
    }
  }

  /** Called when another page is about to be drawn. */
  enter(entry: string): void {
    this.entry = entry;
    const place = this.places.of(entry);
    this.wanted = place.focus;
    this.scrollTo = place.scroll["page"] ?? 0;
    this.enteredAt = Date.now();
    this.fresh = true;
    this.present = null;
    const active = document.activeElement;
    if (active instanceof HTMLElement) active.blur();
    this.schedule();
    setTimeout(() => {
      this.schedule();
    }, UNFOCUSED_MS + 20);
  }

  private schedule(): void {
    if (this.scheduled) return;
    this.scheduled = true;
    requestAnimationFrame(() => {
      this.scheduled = false;
      this.settle();
    });
  }

  private settle(): void {
    const waited = Date.now() - this.enteredAt;
    if (this.scrollTo !== null) this.settleScroll(this.scrollTo, waited);
    if (this.wanted !== null && this.settleWanted(this.wanted)) return;
    if (waited > PATIENCE_MS) this.wanted = null;
    if (this.layer.focused() !== null || (this.wanted !== null && this.stillDrawing(waited))) return;
    if (keysInUse()) this.pickUp();
    else if (this.fresh) this.fresh = !this.layer.focusQuietly();
  }

  /** A page that names its first choice is drawn: what was focused before is gone from it. */
  private stillDrawing(waited: number): boolean {
    return waited < UNFOCUSED_MS && this.layer.scope().querySelector("[data-autofocus]") === null;
  }

  private pickUp(): void {
    if (this.present === null || !this.settleWanted(this.present)) this.layer.focusDefault();
  }

  private settleScroll(offset: number, waited: number): void {
    const room = document.documentElement.scrollHeight - window.innerHeight;
    if (room < offset && waited < PATIENCE_MS) return;
    this.scrollTo = null;
    window.scrollTo(0, offset);
  }

  private settleWanted(id: string): boolean {
    const element = document.getElementById(id);
    if (element === null || !this.layer.scope().contains(element)) return false;
    this.wanted = null;
    this.fresh = false;
    if (keysInUse()) this.layer.focus(element);
    else element.focus({ preventScroll: true });
    return true;
  }
}
