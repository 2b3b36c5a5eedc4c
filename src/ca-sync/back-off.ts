// How long to wait before trying again. Pure.

/** Long enough not to press on a hub that has just gone down, short enough that a blip costs nothing. */
const FIRST_DELAY_MS = 1_000;

/** A hub that is back is found within half a minute; two requests in that time are nothing to it. */
const LONGEST_DELAY_MS = 30_000;

/** `failures` in a row so far: none, no wait; then doubling up to the longest, each time somewhere in the upper half, so that instances part. */
export function backOffMs(failures: number, random: () => number): number {
  if (failures === 0) return 0;
  const ceilingMs = Math.min(LONGEST_DELAY_MS, FIRST_DELAY_MS * 2 ** Math.min(failures - 1, 10));
  return ceilingMs * (0.5 + random() / 2);
}
