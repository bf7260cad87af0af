import { expect, test } from 'vitest';
import { loadAssets } from '../../../services/stats/page/assets.ts';

/** The colours of `:root`, by name: first the light ones, then the dark ones. */
function palettes(): Record<string, string>[] {
  const css = loadAssets().css.body.toString('utf8');
  return [...css.matchAll(/:root \{([^}]*)\}/g)].map(([, block = '']) =>
    Object.fromEntries(
      [...block.matchAll(/--([\w-]+): (#[0-9a-f]{6})/g)].map(([, k, v]) => [k, v]),
    ),
  );
}

/** Relative luminance, WCAG 2.2. */
function luminance(colour: string): number {
  const [r = 0, g = 0, b = 0] = [1, 3, 5].map((at) => {
    const value = Number.parseInt(colour.slice(at, at + 2), 16) / 255;
    return value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}

function contrast(a: string, b: string): number {
  const [dark = 0, light = 0] = [luminance(a), luminance(b)].sort((x, y) => x - y);
  return (light + 0.05) / (dark + 0.05);
}

test.each([
  ['light', 0],
  ['dark', 1],
])('text stands out enough from what is behind it: %s (WCAG 2.2, 1.4.3)', (_, index) => {
  const palette = palettes()[index]!;
  const pairs = [
    ...['text', 'quiet', 'accent'].flatMap((ink) =>
      ['page', 'surface', 'sunk', 'warn-wash', 'bad-wash'].map((ground) => [ink, ground]),
    ),
    ...['ok', 'warn', 'bad', 'info'].flatMap((ink) => [
      [ink, 'surface'],
      [ink, `${ink}-wash`],
    ]),
    ['warn', 'page'],
    ['quiet', 'idle-wash'],
  ] as [string, string][];
  for (const [ink, ground] of pairs) {
    const ratio = contrast(palette[ink]!, palette[ground]!);
    expect(ratio, `${ink} on ${ground}`).toBeGreaterThanOrEqual(4.5);
  }
});
