/** Which part of a long row or grid is worth drawing: old sets die at a thousand tiles. */

export interface Span {
  first: number;
  /** One past the last. */
  end: number;
}

/**
 * The cells to draw of `count` cells of `stride` pixels, seen through `viewport` pixels at `offset`, with
 * `margin` more cells on both sides so that a move of the focus always finds its next cell.
 */
export function visibleSpan(count: number, stride: number, offset: number, viewport: number, margin: number): Span {
  if (stride <= 0) return { first: 0, end: Math.min(count, 12) };
  const first = Math.floor(offset / stride) - margin;
  const end = Math.ceil((offset + viewport) / stride) + margin;
  const last = Math.max(0, Math.min(count, end));
  return { first: Math.max(0, Math.min(first, last)), end: last };
}
