import type { ClusterSnapshot } from '../model/snapshot.ts';
import type { Assets } from './assets.ts';
import { iconSheet } from './badge.ts';
import { balancers } from './balancers.ts';
import { bridge } from './bridge.ts';
import { brokers } from './brokers.ts';
import { connect } from './connect.ts';
import { type Html, html } from './html.ts';
import { Live } from './live.ts';
import { nodes } from './nodes.ts';
import { processes } from './processes.ts';
import { stateWord, summary } from './summary.ts';
import { timeline } from './timeline.ts';
import { clock, zone } from './units.ts';

/** One rendering: the document's body, its title, and its pieces for the stream. */
export interface Rendering {
  title: string;
  body: Html;
  live: Live;
}

/** How often a reader without JavaScript gets a new page, seconds. */
const REFRESH = 10;

export function renderBody(snapshot: ClusterSnapshot): Rendering {
  const live = new Live();
  const body = html`${iconSheet()}
${live.block('header', 'top', {}, () => [
  html`<a class="skip" href="#summary">To the content</a><h1><img src="/favicon.svg" width="28" height="28" alt="">Bramble <span>${snapshot.cluster}</span></h1>`,
  live.cell('p', 'clock', { class: 'clock' }, `${clock(snapshot.at)} ${zone(snapshot.at)}`),
])}
<p id="link" class="link" hidden></p>
<main>
${summary(snapshot, live)}
${nodes(snapshot, live)}
${brokers(snapshot, live)}
${balancers(snapshot, live)}
${bridge(snapshot, live)}
${processes(snapshot, live)}
<div class="pair">
${connect(snapshot, live)}
${timeline(snapshot, live)}
</div>
</main>
<footer class="foot"><a href="/api/cluster">/api/cluster</a> <a href="/api/vitals">/api/vitals</a> <a href="/api/events">/api/events</a></footer>`;
  return { title: `${stateWord(snapshot)} · ${snapshot.cluster} · Bramble`, body, live };
}

/** The whole document. `id` is where the stream takes over. */
export function renderPage(rendering: Rendering, id: string, assets: Assets): string {
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<noscript><meta http-equiv="refresh" content="${REFRESH}"></noscript>
<title>${rendering.title}</title>
<link rel="icon" href="/favicon.svg" type="image/svg+xml">
<link rel="stylesheet" href="${assets.css.path}">
<script type="module" src="${assets.js.path}"></script>
</head>
<body data-id="${id}" data-version="${assets.version}">
${rendering.body}
</body>
</html>
`.text;
}
