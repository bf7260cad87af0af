import type { StatRow } from '#core/contracts/status.ts';
import { kindOf, numberOf, type RowState, stateOf, textOf } from '../model/haproxy-row.ts';
import type { BalancerView, ClusterSnapshot } from '../model/snapshot.ts';
import { lastKnown } from '../model/sourced.ts';
import { badge, silence, type Tone } from './badge.ts';
import { type Html, html } from './html.ts';
import type { Live } from './live.ts';
import { type Column, figure, head, row } from './table.ts';
import { bytes, count, duration } from './units.ts';

const TONES: Record<RowState, Tone> = {
  up: 'ok',
  'going-down': 'warn',
  'going-up': 'warn',
  down: 'bad',
  maint: 'idle',
  drain: 'info',
  unchecked: 'idle',
  unknown: 'idle',
};

const seconds = (value: number) => duration(value);
const numeric = (key: string, hint: string, format: (value: number) => string = count) =>
  ({
    key,
    label: key,
    hint,
    numeric: true,
    cell: (entry: StatRow) => figure(numberOf(entry, key), format),
  }) satisfies Column<StatRow>;

/** HAProxy's own column names (management guide, section 9.1), explained in the head's title. */
const COLUMNS: readonly Column<StatRow>[] = [
  {
    key: 'svname',
    label: 'svname',
    wide: true,
    hint: 'service name',
    cell: (entry) => ({ content: textOf(entry, 'svname') }),
  },
  {
    key: 'status',
    label: 'status',
    wide: 'lead',
    hint: 'state; n/m while checks change it',
    cell: (entry) => ({
      content: badge(TONES[stateOf(entry)], textOf(entry, 'status') || 'unknown'),
    }),
  },
  numeric('scur', 'sessions now'),
  numeric('smax', 'most sessions at once'),
  numeric('stot', 'sessions since the start'),
  numeric('rate', 'new sessions in the last second'),
  numeric('qcur', 'requests that wait for a server'),
  numeric('bin', 'bytes in', bytes),
  numeric('bout', 'bytes out', bytes),
  numeric('econ', 'connections to a server that failed'),
  {
    key: 'check_status',
    label: 'check_status',
    wide: true,
    hint: 'last health check',
    cell: (entry) => ({
      content: textOf(entry, 'check_status'),
      title: textOf(entry, 'check_desc') || undefined,
    }),
  },
  numeric('lastchg', 'since the last change between up and down', seconds),
  numeric('downtime', 'time spent down', seconds),
];

export function balancers(snapshot: ClusterSnapshot, live: Live): Html | undefined {
  if (snapshot.balancers.length === 0) return undefined;
  const many = snapshot.balancers.length > 1;
  return live.block('section', 'balancers', { 'aria-labelledby': 'h-balancers' }, () => [
    html`<h2 id="h-balancers">${many ? 'Balancers' : 'Balancer'}</h2>`,
    snapshot.balancers.map((balancer, index) => table(balancer, index, snapshot.at, live)),
  ]);
}

function table({ node, status }: BalancerView, index: number, now: number, live: Live): Html {
  const known = lastKnown(status);
  const state =
    silence(status, now) ??
    (known?.ready ? badge('ok', 'ready') : badge('warn', 'not ready', known?.reasons.join(', ')));
  const up =
    known && status.state === 'fresh'
      ? `pid ${known.pid}, up ${duration((now - known.startedAt) / 1000)}`
      : '';
  const caption = live.cell('caption', `h${index}`, {}, [
    html`<span class="caption"><b>${node}</b> ${state} <small>${up}</small></span>`,
  ]);
  const stale = status.state === 'stale' ? 'stale' : '';
  return html`<div class="scroll"><table class="haproxy">${caption}${head(COLUMNS)}${groups(
    known?.rows ?? [],
  ).map(
    ({ proxy, rows }, group) =>
      html`<tbody><tr class="group"><th colspan="${COLUMNS.length}" scope="rowgroup">${live.cell('span', `h${index}-${group}`, {}, proxy)}</th></tr>${rows.map(
        (entry, position) =>
          row(
            COLUMNS,
            entry,
            `h${index}-${group}-${position}`,
            live,
            [kindOf(entry), `row-${TONES[stateOf(entry)]}`, stale].filter(Boolean).join(' '),
          ),
      )}</tbody>`,
  )}</table></div>`;
}

/** Rows of one proxy stand together, in the order in which the proxies first appear. */
function groups(rows: readonly StatRow[]): { proxy: string; rows: StatRow[] }[] {
  const byName = Map.groupBy(rows, (entry) => textOf(entry, 'pxname'));
  return [...byName].map(([proxy, members]) => ({ proxy, rows: members }));
}
