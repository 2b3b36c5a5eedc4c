// Measures a page as a browser has laid it out: what sticks out of it, and which texts are too faint. Its scripts run in the browser.

import type { Page } from 'playwright-core';

const OVERFLOWING = `[...document.querySelectorAll('body *')]
  .filter((element) => !element.closest('.unseen, .skip') && element.getClientRects().length > 0)
  .filter((element) => {
    const { left, right } = element.getBoundingClientRect();
    return right > innerWidth + 0.5 || left < -0.5;
  })
  .map((element) => element.outerHTML.slice(0, 160))
  .concat(document.documentElement.scrollWidth > innerWidth ? ['the page scrolls to the side'] : [])`;

/** What reaches over the sides of the window; nothing where all is well. */
export async function overflowing(page: Page): Promise<readonly string[]> {
  return (await page.evaluate(OVERFLOWING)) as readonly string[];
}

/** WCAG 2.2, "relative luminance" and "contrast ratio"; 4.5 is §1.4.3 for text of this size. */
const CONTRASTS = `(() => {
  const channels = (colour) => colour.match(/[\\d.]+/g).map(Number);
  const luminance = (colour) => {
    const [red, green, blue] = channels(colour).map((value) => {
      const share = value / 255;
      return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
  };
  const ground = (element) => {
    for (let each = element; each !== null; each = each.parentElement) {
      const colour = getComputedStyle(each).backgroundColor;
      if ((channels(colour)[3] ?? 1) === 1) return colour;
    }
    return 'rgb(255, 255, 255)';
  };
  const texts = [...document.querySelectorAll('body *')].filter(
    (element) => element.checkVisibility() && !element.closest('.unseen, noscript') && [...element.childNodes].some((node) => node.nodeType === 3 && node.data.trim() !== ''),
  );
  const measured = texts.map((element) => {
    const style = getComputedStyle(element);
    const [one, other] = [luminance(element instanceof SVGElement ? style.fill : style.color), luminance(ground(element))];
    return { text: element.textContent.trim().slice(0, 60), ratio: (Math.max(one, other) + 0.05) / (Math.min(one, other) + 0.05) };
  });
  return { looked: measured.length, low: measured.filter(({ ratio }) => !(ratio >= 4.5)) };
})()`;

export interface Contrasts {
  /** How many texts there were. */
  readonly looked: number;
  readonly low: readonly { readonly text: string; readonly ratio: number }[];
}

export async function lowContrasts(page: Page): Promise<Contrasts> {
  return (await page.evaluate(CONTRASTS)) as Contrasts;
}
