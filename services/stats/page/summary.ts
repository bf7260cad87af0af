import { HISTORY_POINTS } from '../model/history.ts';
import type { ClusterSnapshot, HealthState, Series } from '../model/snapshot.ts';
import { badge, icon, type Tone } from './badge.ts';
import { type Html, html } from './html.ts';
import type { Live } from './live.ts';
import { sparkline } from './sparkline.ts';
import { count, exact, moment, rate, UNKNOWN } from './units.ts';
import { ownersOf } from './virtual.ts';

const STATES: Record<HealthState, { tone: Tone; word: string; text: string }> = {
  healthy: { tone: 'ok', word: 'Healthy', text: 'Everything answers and takes traffic.' },
  degraded: { tone: 'warn', word: 'Degraded', text: 'Clients are served, but something is wrong.' },
  critical: { tone: 'bad', word: 'Critical', text: 'Some clients cannot be served.' },
  starting: { tone: 'idle', word: 'Starting', text: 'Not everything has been heard from yet.' },
};

/** The state in one word, for the tab's title. */
export function stateWord(snapshot: ClusterSnapshot): string {
  return STATES[snapshot.health.state].word;
}

/** Whether the cluster is well, since when, and if not, what is wrong. The one live region. */
export function summary(snapshot: ClusterSnapshot, live: Live): Html {
  const { health, at } = snapshot;
  const { tone, word, text } = STATES[health.state];
  const problems = health.problems.map(
    (problem) =>
      html`<li>${problem.level === 'critical' ? badge('bad', 'critical') : badge('warn', 'warning')} <span class="what"><b>${problem.subject}</b> ${problem.text}</span> <span class="since">since ${moment(problem.since, at)}</span></li>`,
  );
  const virtual = ownersOf(snapshot.addresses ?? [], at);
  const state = html`<p class="state ${tone}">${icon(tone)}<strong>${word}</strong> <span>since ${moment(health.since, at)}</span></p><p class="meaning">${text}</p><p class="meaning">${inventory(snapshot)}</p>`;
  return live.block(
    'section',
    'summary',
    { class: `summary ${tone}`, 'aria-label': 'Cluster' },
    () => [
      live.cell('div', 'alerts', { 'aria-live': 'polite', role: 'status' }, [
        state,
        virtual,
        problems.length > 0 && html`<ul class="problems">${problems}</ul>`,
      ]),
      figures(snapshot, live),
    ],
  );
}

/** `2 nodes, 2 brokers, 1 balancer.` */
function inventory({ nodes, balancers }: ClusterSnapshot): string {
  const many = (count: number, noun: string) => `${count} ${noun}${count === 1 ? '' : 's'}`;
  const brokers = nodes.filter(({ broker }) => broker).length;
  const bridges = nodes.filter(({ bridge }) => bridge).length;
  const parts = [
    many(nodes.length, 'node'),
    many(brokers, 'broker'),
    many(balancers.length, 'balancer'),
    ...(bridges > 0 ? [many(bridges, 'bridge')] : []),
  ];
  return `${parts.join(', ')}.`;
}

function figures(snapshot: ClusterSnapshot, live: Live): Html {
  const brokers = snapshot.nodes.flatMap((node) => (node.broker ? [node.broker] : []));
  const heard = brokers.flatMap(({ status }) => (status.state === 'fresh' ? [status.value] : []));
  const rates = brokers.flatMap(({ status, rates }) =>
    status.state === 'fresh' && rates ? [rates] : [],
  );
  const partial =
    heard.length < brokers.length ? `${heard.length} of ${brokers.length} brokers` : undefined;
  const sum = (values: readonly number[]): number | undefined =>
    values.length === 0 ? undefined : values.reduce((a, b) => a + b, 0);
  const tile = (
    id: string,
    label: string,
    value: number | undefined,
    format: (value: number) => string,
    unit?: string,
    chart?: Html,
  ) => {
    const title = value === undefined ? 'unknown' : exact(round(value));
    const figure = html`${value === undefined ? UNKNOWN : format(value)}${unit !== undefined && html` <small>${unit}</small>`}`;
    return live.cell('div', `figure-${id}`, { class: 'figure', title }, [
      html`<dt>${label}</dt> <dd>${figure}</dd>`,
      partial !== undefined && html` <dd class="note">${partial}</dd>`,
      chart && html`<dd class="chart">${chart}</dd>`,
    ]);
  };
  const chart = (label: string, key: 'messagesIn' | 'messagesOut') =>
    sparkline(total(brokers.map((broker) => broker.history[key])), {
      label,
      slots: HISTORY_POINTS,
      format: (value) => `${rate(value)} msg/s`,
    });
  return html`<dl class="figures">
${tile('in', 'Messages in', sum(rates.map((r) => r.messagesIn)), rate, 'msg/s', chart('messages in', 'messagesIn'))}
${tile('out', 'Messages out', sum(rates.map((r) => r.messagesOut)), rate, 'msg/s', chart('messages out', 'messagesOut'))}
${tile('clients', 'Clients', sum(heard.map((b) => b.clients)), count)}
${tile('sessions', 'Sessions', sum(heard.map((b) => b.sessions)), count)}
${tile('subscriptions', 'Subscriptions', sum(heard.map((b) => b.subscriptions)), count)}
${tile('retained', 'Retained', heard.length === 0 ? undefined : Math.max(...heard.map((b) => b.retained)), count)}
</dl>`;
}

function round(value: number): number {
  return Math.round(value * 1000) / 1000;
}

/** Point by point, from the newest end; null where no broker was known. */
function total(all: readonly Series[]): Series {
  const length = Math.max(0, ...all.map((series) => series.length));
  return Array.from({ length }, (_, index) => {
    const points = all
      .map((series) => series[series.length - length + index])
      .filter((point) => point !== null && point !== undefined);
    return points.length === 0 ? null : points.reduce((a, b) => a + b, 0);
  });
}
