import type { Vitals } from '#core/contracts/vitals.ts';
import { HISTORY_POINTS } from '../model/history.ts';
import type { ClusterSnapshot, NodeView } from '../model/snapshot.ts';
import { lastKnown } from '../model/sourced.ts';
import { badge, silence, type Tone } from './badge.ts';
import { type Html, html } from './html.ts';
import type { Live } from './live.ts';
import { sparkline } from './sparkline.ts';
import { bytes, celsius, duration, percent, UNKNOWN } from './units.ts';

/** From here a figure is shown as a warning, and from here as critical. */
const LIMITS = {
  cpu: [85, 97],
  memory: [85, 95],
  disk: [80, 92],
  /** °C; the firmware slows a Pi down at 80. */
  temperature: [70, 80],
} as const;

const FLAG_WORDS = {
  undervoltage: 'undervoltage',
  capped: 'frequency capped',
  throttled: 'throttled',
  'soft-limit': 'near its temperature limit',
} as const;

function toneOf(value: number, [warning, critical]: readonly [number, number]): Tone {
  if (value >= critical) return 'bad';
  return value >= warning ? 'warn' : 'ok';
}

export function nodes(snapshot: ClusterSnapshot, live: Live): Html {
  return live.block('section', 'nodes', { 'aria-labelledby': 'h-nodes' }, () => [
    html`<h2 id="h-nodes">Nodes</h2>`,
    html`<div class="cards">${snapshot.nodes.map((node, index) => card(node, index, snapshot.at, live))}</div>`,
  ]);
}

function card(node: NodeView, index: number, now: number, live: Live): Html {
  const id = (part: string) => `n${index}-${part}`;
  const vitals = lastKnown(node.vitals);
  const stale = node.vitals.state === 'stale' ? ' stale' : '';
  const state = silence(node.vitals, now) ?? vitalsBadge(vitals);
  const about = [vitals?.model, vitals?.os, vitals && `${vitals.kernel} ${vitals.arch}`];
  return html`<article class="card">
${live.cell('header', id('head'), {}, [
  html`<h3>${node.name}</h3><span class="address">${node.address}</span>`,
  html`<span class="push">${state}</span>`,
  html`<p class="about">${about.filter(Boolean).join(' · ') || 'nothing known yet'}</p>`,
])}
${live.cell('dl', id('vitals'), { class: `meters${stale}` }, meters(vitals))}
${live.cell(
  'div',
  id('cpu'),
  { class: `trend${stale}` },
  sparkline(node.cpuHistory, {
    label: `CPU of ${node.name}`,
    slots: HISTORY_POINTS,
    top: 100,
    format: percent,
  }),
)}
<footer>
${live.cell('span', id('load'), { class: stale, title: 'load averages over 1, 5 and 15 minutes' }, [
  'load ',
  html`<b>${vitals ? vitals.load.map((value) => value.toFixed(2)).join(' ') : UNKNOWN}</b>`,
])}
${live.cell(
  'span',
  id('up'),
  { class: stale, title: vitals ? `${Math.floor(vitals.uptime)} s` : 'unknown' },
  ['up ', html`<b>${vitals ? duration(vitals.uptime) : UNKNOWN}</b>`],
)}
<span class="push">${node.roles.map((role) => html`<span class="chip">${role}</span>`)}</span>
</footer>
</article>`;
}

function vitalsBadge(vitals: Vitals | undefined): Html {
  const now = vitals?.throttled?.now ?? [];
  if (now.length > 0) {
    return badge(
      now.includes('undervoltage') ? 'bad' : 'warn',
      now.map((f) => FLAG_WORDS[f]).join(', '),
    );
  }
  const past = vitals?.throttled?.sinceBoot ?? [];
  if (past.length > 0) {
    return badge('warn', 'throttled since boot', past.map((f) => FLAG_WORDS[f]).join(', '));
  }
  return badge('ok', 'answers');
}

function meters(vitals: Vitals | undefined): Html[] {
  if (!vitals) return [meter('CPU'), meter('Memory')];
  const { cpu, memory, temperature } = vitals;
  const used = memory.total - memory.available;
  return [
    cpu.usage === undefined
      ? meter('CPU')
      : meter(
          'CPU',
          cpu.usage,
          toneOf(cpu.usage, LIMITS.cpu),
          percent(cpu.usage),
          `${cpu.cores} cores`,
        ),
    share('Memory', used, memory.total, LIMITS.memory),
    ...(memory.swapUsed > 0
      ? [share('Swap', memory.swapUsed, memory.swapTotal, LIMITS.memory)]
      : []),
    ...vitals.disks.map((disk) =>
      share(
        `Disk ${disk.mount}`,
        disk.used,
        disk.size,
        LIMITS.disk,
        disk.readOnly ? badge('bad', 'read-only') : undefined,
      ),
    ),
    ...(temperature === undefined
      ? []
      : [
          meter(
            'Temperature',
            temperature,
            toneOf(temperature, LIMITS.temperature),
            celsius(temperature),
          ),
        ]),
  ];
}

function share(
  label: string,
  used: number,
  total: number,
  limits: readonly [number, number],
  flag?: Html,
): Html {
  const value = total > 0 ? (used / total) * 100 : 0;
  const title = `${used} of ${total} bytes`;
  return meter(
    label,
    value,
    toneOf(value, limits),
    percent(value),
    `${bytes(used)} of ${bytes(total)}`,
    title,
    flag,
  );
}

/** A labelled bar, 0..100, with its figure as text. Without a value: unknown. */
function meter(
  label: string,
  value?: number,
  tone: Tone = 'idle',
  text: string = UNKNOWN,
  detail = '',
  title = '',
  flag?: Html,
): Html {
  const width = Math.min(Math.max(value ?? 0, 0), 100).toFixed(1);
  const warning = tone === 'warn' || tone === 'bad';
  return html`<div class="meter ${tone}" title="${title}"><dt>${label}</dt><dd><svg class="bar" aria-hidden="true"><rect class="track" width="100%" height="100%" rx="2"/><rect class="fill" width="${width}%" height="100%" rx="2"/></svg><b>${text}</b>${warning && html`<span class="high">${tone === 'bad' ? 'very high' : 'high'}</span>`}${flag}<small>${detail}</small></dd></div>`;
}
