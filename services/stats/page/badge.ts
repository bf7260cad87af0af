import type { Level } from '../model/snapshot.ts';
import type { Sourced } from '../model/sourced.ts';
import { type Html, html } from './html.ts';
import { moment } from './units.ts';

/** Looks of a state. Each has an icon of its own shape, so that colour only repeats the word. */
export type Tone = 'ok' | 'warn' | 'bad' | 'idle' | 'info';

/** 16 × 16 paths, drawn with the text's colour. */
const ICONS: Record<Tone, string> = {
  ok: 'M8 1a7 7 0 1 0 0 14A7 7 0 0 0 8 1Zm3.7 5.3-4.3 4.9a.9.9 0 0 1-1.3 0L4.2 9.3l1.2-1.2 1.3 1.3 3.7-4.2Z',
  warn: 'M8 1.2 15.4 14.4H.6ZM7.1 6v4.2h1.8V6Zm0 5.4v1.7h1.8v-1.7Z',
  bad: 'M5.1 1h5.8L15 5.1v5.8L10.9 15H5.1L1 10.9V5.1Zm.3 3.2L4.2 5.4 6.8 8l-2.6 2.6 1.2 1.2L8 9.2l2.6 2.6 1.2-1.2L9.2 8l2.6-2.6-1.2-1.2L8 6.8Z',
  idle: 'M8 1a7 7 0 1 0 0 14A7 7 0 0 0 8 1Zm0 1.7a5.3 5.3 0 1 1 0 10.6A5.3 5.3 0 0 1 8 2.7Zm-.9 1.9v3.8l2.7 2 1-1.3-2-1.5v-3Z',
  info: 'M8 1a7 7 0 1 0 0 14A7 7 0 0 0 8 1ZM7.1 4h1.8v1.7H7.1Zm0 3h1.8v5H7.1Z',
};

/** The icons, once a page; badges refer to them. */
export function iconSheet(): Html {
  const symbols = Object.entries(ICONS).map(
    ([tone, path]) => html`<symbol id="i-${tone}" viewBox="0 0 16 16"><path d="${path}"/></symbol>`,
  );
  return html`<svg class="sheet" aria-hidden="true">${symbols}</svg>`;
}

export function icon(tone: Tone): Html {
  return html`<svg class="icon" aria-hidden="true"><use href="#i-${tone}"/></svg>`;
}

export function badge(tone: Tone, word: string, title?: string): Html {
  const hint = title === undefined ? undefined : html` title="${title}"`;
  return html`<span class="badge ${tone}"${hint}>${icon(tone)}${word}</span>`;
}

/** For a source that is silent; undefined while it is fresh. */
export function silence(source: Sourced<unknown>, now: number): Html | undefined {
  switch (source.state) {
    case 'fresh':
      return undefined;
    case 'pending':
      return badge('idle', 'waiting', 'no answer yet');
    case 'stale':
      return badge('idle', `stale since ${moment(source.staleSince, now)}`, source.reason);
  }
}

export const LEVEL_TONES: Record<Level, Tone> = { info: 'info', warning: 'warn', critical: 'bad' };
