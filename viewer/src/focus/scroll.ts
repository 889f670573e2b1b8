/** Brings a focused element into view without the browser's own jumps. */

function scrollerOf(element: HTMLElement): HTMLElement | null {
  return element.closest<HTMLElement>("[data-rail]");
}

/** Horizontally: the tile and a glimpse of the next one. Vertically: the whole row, in the middle of the screen. */
export function reveal(element: HTMLElement): void {
  const strip = scrollerOf(element);
  if (strip !== null) {
    const tile = element.getBoundingClientRect();
    const frame = strip.getBoundingClientRect();
    const glimpse = tile.width * 0.6;
    if (tile.left < frame.left + glimpse) strip.scrollLeft -= frame.left + glimpse - tile.left;
    else if (tile.right > frame.right - glimpse) strip.scrollLeft += tile.right - frame.right + glimpse;
  }
  const box = (strip ?? element).getBoundingClientRect();
  const height = window.innerHeight;
  const margin = height * 0.14;
  if (box.top >= margin && box.bottom <= height - margin) return;
  const wanted = box.height > height - 2 * margin ? box.top - margin : box.top - (height - box.height) / 2;
  window.scrollTo(0, Math.max(0, window.pageYOffset + wanted));
}
