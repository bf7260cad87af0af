import type { LoggedEvent } from '../model/event-log.ts';
import type { ClusterSnapshot } from '../model/snapshot.ts';
import { badge, LEVEL_TONES } from './badge.ts';
import { type Html, html } from './html.ts';
import type { Live } from './live.ts';
import { moment } from './units.ts';

/** The page shows this many; `/api/events` has all. */
const SHOWN = 40;

export function timeline(snapshot: ClusterSnapshot, live: Live): Html {
  const shown = snapshot.events.slice(0, SHOWN);
  return live.block('section', 'timeline', { 'aria-labelledby': 'h-timeline' }, () => [
    html`<h2 id="h-timeline">Events</h2>`,
    shown.length === 0
      ? html`<p class="panel quiet">Nothing has happened yet.</p>`
      : html`<ol class="panel events">${shown.map((event) => line(event, snapshot.at, live))}</ol>`,
  ]);
}

function line(event: LoggedEvent, now: number, live: Live): Html {
  const { id, at, level, subject, text } = event;
  const iso = new Date(at).toISOString();
  return live.cell('li', `e${id}`, {}, [
    html`<time datetime="${iso}" title="${iso}">${moment(at, now)}</time> `,
    badge(LEVEL_TONES[level], level),
    ' ',
    html`<span class="what"><b>${subject}</b> ${text}</span>`,
  ]);
}
