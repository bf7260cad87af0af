import type { StatsConfig } from '../model.ts';
import { ACTIONS, RESULTS } from './admin.ts';
import { BACKEND, FRONTEND, SERVER, type StatRow } from './rows.ts';
import { STYLE } from './style.ts';

export interface PageOptions {
  readonly stats: StatsConfig;
  /** Seconds until the page reloads itself; undefined = it does not. */
  readonly refresh: number | undefined;
  /** Servers that are down are left out. */
  readonly upOnly: boolean;
  /** Milliseconds since the epoch. */
  readonly startedAt: number;
  readonly now: number;
  /** Servers may be changed on it. */
  readonly admin?: boolean;
  /** How the order before ended, as in `;st=`. */
  readonly result?: string | undefined;
}

type Cell = string | number | undefined;

/** The visible columns: heading and what a row shows there, already escaped. */
const CELLS: readonly (readonly [heading: string, show: (row: StatRow) => Cell])[] = [
  ['Sessions', (row) => pair(row.scur, row.smax)],
  ['Limit', (row) => row.slim ?? (row.type === SERVER ? '∞' : undefined)],
  ['Total', (row) => row.stot],
  ['Per second', (row) => pair(row.rate, row.rate_max)],
  ['Queue', (row) => pair(row.qcur, row.qmax)],
  ['Requests', (row) => (row.mode === 'http' ? row.req_tot : undefined)],
  ['In', (row) => bytes(row.bin)],
  ['Out', (row) => bytes(row.bout)],
  ['Denied', (row) => sum(row.dreq, row.dresp)],
  ['Errors', (row) => sum(row.ereq, row.econ, row.eresp)],
  ['Retries', (row) => (row.wretr === undefined ? undefined : `${row.wretr}+${row.wredis}`)],
  ['2xx', (row) => row.hrsp_2xx],
  ['3xx', (row) => row.hrsp_3xx],
  ['4xx', (row) => row.hrsp_4xx],
  ['5xx', (row) => row.hrsp_5xx],
  ['Answers in', (row) => answerTime(row)],
  ['Weight', (row) => row.weight],
  ['Check', (row) => check(row)],
  ['Outages', (row) => outages(row)],
  ['Last session', (row) => since(row.lastsess)],
];

const CLASSES: readonly (readonly [RegExp, string, string])[] = [
  [/^OPEN$/, 'plain', 'open'],
  [/^UP$/, 'up', 'up'],
  [/^UP \d/, 'sinking', 'up, going down'],
  [/^DOWN \d/, 'rising', 'down, coming up'],
  [/^DOWN/, 'down', 'down'],
  [/^(MAINT|STOP|PAUSED)/, 'maint', 'in maintenance'],
  [/^(DRAIN|NOLB)/, 'drain', 'draining'],
  [/^no check/, 'plain', 'not checked'],
];

/** The statistics as one HTML document without scripts. */
export function renderPage(rows: readonly StatRow[], options: PageOptions): string {
  const { stats, refresh, startedAt, now } = options;
  const proxies = Map.groupBy(rows, (row) => String(row.pxname));
  const uri = escapeHtml(stats.uri);
  const shown = options.upOnly ? '' : ';up';
  const links = [
    `<a href="${uri}${shown}">${options.upOnly ? 'show all servers' : 'hide servers that are down'}</a>`,
    refresh === undefined
      ? `<a href="${uri}">refresh now</a>`
      : `<a href="${uri};norefresh">stop refreshing (every ${refresh} s)</a>`,
    `<a href="${uri};csv">CSV</a>`,
    `<a href="${uri};json">JSON</a>`,
  ];
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex">
<link rel="icon" href="data:,">
<title>${countDown(rows)}Balancer statistics</title>
<style>${STYLE}</style>
</head>
<body>
<header>
<h1>Balancer statistics${stats.hideVersion ? '' : ' <small>Bramble</small>'}${subject(stats)}</h1>
<nav>${links.join('')}</nav>
${totals(rows, now - startedAt)}
${notice(options)}</header>
<main>
${[...proxies.values()].map((group) => section(group, options)).join('\n')}
</main>
<footer>Sessions, queue and rates: now, and the most so far. Bytes as clients see them.
Process ${process.pid}, as of ${new Date(now).toISOString()}.</footer>
</body>
</html>
`;
}

function subject({ node, description }: StatsConfig): string {
  const words = [node === undefined ? '' : `on ${node}`, description ?? ''].filter(Boolean);
  return words.length === 0 ? '' : ` <small>${escapeHtml(words.join(': '))}</small>`;
}

/** What became of the order that led here. */
function notice({ result, stats }: PageOptions): string {
  const found = result === undefined ? undefined : RESULTS[result];
  if (!found) return '';
  const [tone, text] = found;
  const close = `<a href="${escapeHtml(stats.uri)}" title="Remove this message">[X]</a>`;
  return `<p class="notice ${tone}" role="status">${close} ${text}</p>\n`;
}

/** The menu of a backend on a page that may change it. */
function menu(backend: string): string {
  const entries = Object.entries(ACTIONS).map(
    ([value, { label }]) => `<option value="${value}">${label}</option>`,
  );
  return (
    `<p class="menu"><label>Choose the action to perform on the checked servers : ` +
    `<select name="action"><option value=""></option>${entries.join('')}</select></label>` +
    `<input type="hidden" name="b" value="#${backend}"> <input type="submit" value="Apply"></p>`
  );
}

function section(rows: readonly StatRow[], { upOnly, admin = false, stats }: PageOptions): string {
  const visible = upOnly
    ? rows.filter((row) => row.type !== SERVER || !String(row.status).startsWith('DOWN'))
    : rows;
  const used = CELLS.filter(([, show]) => visible.some((row) => show(row) !== undefined));
  const head = used.map(([heading]) => `<th scope="col">${heading}</th>`).join('');
  const first = rows[0]!;
  const orders = admin && rows.some((row) => row.type === SERVER);
  return `<section>${orders ? '<form method="post">' : ''}
<h2 id="${escapeHtml(String(first.pxname))}">${escapeHtml(String(first.pxname))}<span>mode ${first.mode}</span></h2>
<div class="scroll"><table>
<thead><tr><td></td><th scope="col" class="state">State</th>${head}</tr></thead>
<tbody>
${visible.map((row) => line(row, used, admin, stats.legends ?? false)).join('\n')}
</tbody>
</table></div>${orders ? `${menu(String(first.iid))}</form>` : ''}
</section>`;
}

function line(row: StatRow, used: typeof CELLS, admin: boolean, legends: boolean): string {
  const status = String(row.status);
  const state = CLASSES.find(([pattern]) => pattern.test(status));
  const [name, word] = state ? [state[1], state[2]] : ['plain', ''];
  const kind = row.type !== SERVER ? ' sum' : row.bck === 1 ? ' backup' : '';
  const box =
    admin && row.type === SERVER
      ? `<input type="checkbox" name="s" value="${escapeHtml(String(row.svname))}"> `
      : '';
  const legend = legends ? legendOf(row) : '';
  const title = row.type === FRONTEND ? 'Frontend' : row.type === BACKEND ? 'Backend' : row.svname;
  const label = escapeHtml(String(title));
  const age = row.lastchg === undefined ? '' : ` <i>${since(row.lastchg)}</i>`;
  const cells = used.map(([heading, show]) => {
    const value = show(row);
    return value === undefined
      ? `<td></td>`
      : `<td data-of="${heading}"><span>${value}</span></td>`;
  });
  const backup = row.bck === 1 && row.type === SERVER ? ' <i>backup</i>' : '';
  return (
    `<tr class="${name}${kind}"><th scope="row">${box}${legend === '' ? label : `<span${legend}>${label}</span>`}${backup}</th>` +
    `<td class="state" data-of="State"><span title="${word}">${escapeHtml(status)}${age}</span></td>` +
    `${cells.join('')}</tr>`
  );
}

/** Where it is and how it is told, as a hint. */
function legendOf(row: StatRow): string {
  const parts = [
    row.addr === undefined ? '' : `address: ${row.addr}`,
    row.cookie === undefined ? '' : `cookie: ${row.cookie}`,
    row.algo === undefined ? '' : `balancing: ${row.algo}`,
    `id: ${row.type === SERVER ? row.sid : row.iid}`,
  ].filter(Boolean);
  return ` title="${escapeHtml(parts.join(', '))}"`;
}

function totals(rows: readonly StatRow[], uptime: number): string {
  const of = (type: number): StatRow[] => rows.filter((row) => row.type === type);
  const servers = of(SERVER);
  const down = servers.filter((row) => String(row.status).startsWith('DOWN')).length;
  const add = (list: StatRow[], column: string): number =>
    list.reduce((total, row) => total + Number(row[column] ?? 0), 0);
  const frontends = of(FRONTEND);
  const entries: [string, Cell][] = [
    ['Uptime', since(Math.floor(uptime / 1000))],
    ['Sessions now', add(frontends, 'scur')],
    ['Sessions per second', add(frontends, 'rate')],
    ['Requests', add(frontends, 'req_tot')],
    ['Servers up', `${servers.length - down} of ${servers.length}`],
    ['In', bytes(add(frontends, 'bin'))],
    ['Out', bytes(add(frontends, 'bout'))],
  ];
  return `<dl>${entries.map(([name, value]) => `<div><dt>${name}</dt><dd>${value}</dd></div>`).join('')}</dl>`;
}

/** In the title, so that a tab in the background tells too. */
function countDown(rows: readonly StatRow[]): string {
  const down = rows.filter((row) => row.type === SERVER && String(row.status).startsWith('DOWN'));
  return down.length === 0 ? '' : `(${down.length} down) `;
}

function pair(now: Cell, most: Cell): Cell {
  return now === undefined ? undefined : `${now} <i>/ ${most}</i>`;
}

function answerTime(row: StatRow): Cell {
  if (row.mode !== 'http' || row.rtime === undefined) return undefined;
  return `${row.rtime}&nbsp;ms`;
}

function sum(...values: Cell[]): Cell {
  const known = values.filter((value) => value !== undefined);
  return known.length === 0 ? undefined : known.reduce<number>((a, b) => a + Number(b), 0);
}

function check(row: StatRow): Cell {
  if (row.check_status === undefined) return undefined;
  const spent = row.check_duration === undefined ? '' : ` in ${row.check_duration}&nbsp;ms`;
  const why = row.last_chk === undefined ? row.check_desc : row.last_chk;
  return `<span title="${escapeHtml(String(why))}">${escapeHtml(String(row.check_status))}${spent}</span>`;
}

function outages(row: StatRow): Cell {
  if (row.chkdown === undefined) return undefined;
  const time =
    row.downtime === undefined || row.downtime === 0 ? '' : ` <i>${since(row.downtime)}</i>`;
  return `${row.chkdown}${time}`;
}

const UNITS = ['B', 'KB', 'MB', 'GB', 'TB'];

function bytes(value: Cell): Cell {
  if (value === undefined) return undefined;
  let size = Number(value);
  let unit = 0;
  while (size >= 1000 && unit < UNITS.length - 1) {
    size /= 1000;
    unit += 1;
  }
  return `${unit === 0 || size >= 100 ? Math.round(size) : size.toFixed(1)}&nbsp;${UNITS[unit]}`;
}

/** A span of seconds in its two largest units; '?' before the first event. */
function since(value: Cell): Cell {
  if (value === undefined) return undefined;
  const total = Number(value);
  if (total < 0) return 'never';
  const days = Math.floor(total / 86_400);
  const hours = Math.floor(total / 3600) % 24;
  const minutes = Math.floor(total / 60) % 60;
  if (days > 0) return `${days}d ${hours}h`;
  if (hours > 0) return `${hours}h ${minutes}m`;
  if (minutes > 0) return `${minutes}m ${total % 60}s`;
  return `${total}s`;
}

function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (char) => `&#${char.charCodeAt(0)};`);
}
