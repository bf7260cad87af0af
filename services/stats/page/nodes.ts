import type { WatchdogStatus } from '#core/contracts/status.ts';
import type { ThrottleFlag, Vitals } from '#core/contracts/vitals.ts';
import { HISTORY_POINTS } from '../model/history.ts';
import type { ClusterSnapshot, NodeView } from '../model/snapshot.ts';
import { lastKnown, type Sourced } from '../model/sourced.ts';
import { badge, silence } from './badge.ts';
import { type Html, html } from './html.ts';
import type { Live } from './live.ts';
import { meter, metersOf } from './meters.ts';
import { sparkline } from './sparkline.ts';
import { count, duration, percent, UNKNOWN } from './units.ts';
import { partOf } from './virtual.ts';

export function nodes(snapshot: ClusterSnapshot, live: Live): Html {
  return live.block('section', 'nodes', { 'aria-labelledby': 'h-nodes' }, () => [
    html`<h2 id="h-nodes">Nodes</h2>`,
    html`<div class="cards">${snapshot.nodes.map((node, index) => card(node, index, snapshot.at, live))}</div>`,
  ]);
}

function card(node: NodeView, index: number, now: number, live: Live): Html {
  const id = (part: string) => `n${index}-${part}`;
  const vitals = lastKnown(node.vitals);
  const about = [vitals?.model, vitals?.os, vitals && `${vitals.kernel} ${vitals.arch}`]
    .filter((part) => part !== undefined)
    .join(' · ');
  const load = vitals?.load.map((value) => value.toFixed(2)).join(' ') ?? UNKNOWN;
  const seconds = vitals && Math.floor(vitals.uptime);
  const up = seconds === undefined ? UNKNOWN : duration(seconds);
  const trend = sparkline(node.cpuHistory, {
    label: `CPU of ${node.name}`,
    slots: HISTORY_POINTS,
    top: 100,
    format: percent,
  });
  const stale = node.vitals.state === 'stale' ? 'stale' : undefined;
  return html`<article class="card">
${live.cell('header', id('head'), { class: stale }, [
  html`<h3>${node.name}</h3> <span class="address">${node.address}</span> `,
  html`<span class="push">${silence(node.vitals, now) ?? stateOf(vitals)}</span> `,
  html`<p class="about" title="${about}">${about || 'nothing known yet'}</p>`,
])}
<dl class="meters">${metersOf(vitals).map((entry, at) => meter(id(`m${at}`), live, entry))}</dl>
${live.cell('div', id('cpu'), { class: 'trend' }, trend && [html`<span>CPU, 5 min</span>`, trend])}
<footer>
${live.cell('span', id('load'), { title: 'load averages over 1, 5 and 15 minutes' }, ['load ', html`<b>${load}</b>`])}
${node.watchdog && live.cell('span', id('watchdog'), { title: 'reboots that the watchdog may still ask for in these six hours' }, watchdogOf(node.watchdog, now))}
${node.vip && node.roles.includes('balancer') && live.cell('span', id('vip'), {}, partOf(node, now))}
${live.cell('span', id('up'), { title: seconds && `${seconds} s` }, ['up ', html`<b>${up}</b>`])}
<span class="push">${node.roles.map((role) => html`<span class="chip">${role}</span> `)}</span>
</footer>
</article>`;
}

/** What the watchdog has done and nothing has shown yet that it helped; else how much it may do. */
function watchdogOf(watchdog: Sourced<WatchdogStatus>, now: number): (string | Html)[] {
  const silent = silence(watchdog, now);
  const known = lastKnown(watchdog);
  if (silent !== undefined || known === undefined) return ['watchdog ', silent ?? UNKNOWN];
  const climbing = known.services.filter(({ rung }) => rung !== undefined);
  if (climbing.length === 0)
    return ['watchdog ', html`reboots left: <b>${count(known.rebootsLeft)}</b>`];
  const worst = climbing.some(({ rung }) => rung === 'quarantine') ? 'bad' : 'warn';
  const acts = climbing.map(({ name, rung }) => `${name}: ${rung}`).join(', ');
  return ['watchdog ', badge(worst, acts)];
}

const FLAG_WORDS: Record<ThrottleFlag, string> = {
  undervoltage: 'undervoltage',
  capped: 'frequency capped',
  throttled: 'throttled',
  'soft-limit': 'near its temperature limit',
};

/** The firmware's complaints, or that all is well. */
function stateOf(vitals: Vitals | undefined): Html {
  const inWords = (flags: readonly ThrottleFlag[]) =>
    flags.map((flag) => FLAG_WORDS[flag]).join(', ');
  const { now = [], sinceBoot = [] } = vitals?.throttled ?? {};
  if (now.includes('undervoltage')) return badge('bad', inWords(now));
  if (now.length > 0) return badge('warn', inWords(now));
  if (sinceBoot.length > 0) return badge('warn', 'throttled since boot', inWords(sinceBoot));
  return badge('ok', 'online');
}
