import { readFileSync, writeFileSync } from 'node:fs';
import { CACHE_KEYWORDS } from '../../services/balancer/config/cache-section.ts';
import { PREDICATES } from '../../services/balancer/config/directives/predicates.ts';
import {
  FOREIGN_BIND,
  FOREIGN_GLOBAL,
  FOREIGN_OPTIONS,
  FOREIGN_PROXY,
  FOREIGN_SECTIONS,
  FOREIGN_SERVER,
} from '../../services/balancer/config/foreign.ts';
import type { KeywordInfo } from '../../services/balancer/config/keyword.ts';
import { BIND_PARAMETERS } from '../../services/balancer/config/keywords/bind.ts';
import { GLOBAL_KEYWORDS } from '../../services/balancer/config/keywords/global.ts';
import { OPTIONS } from '../../services/balancer/config/keywords/options.ts';
import { PROXY_KEYWORDS } from '../../services/balancer/config/keywords/proxy.ts';
import { SERVER_PARAMETERS } from '../../services/balancer/config/keywords/server-parameters.ts';
import { STATS } from '../../services/balancer/config/keywords/stats.ts';
import { TIMEOUTS } from '../../services/balancer/config/keywords/timeouts.ts';
import { RESOLVERS_KEYWORDS } from '../../services/balancer/config/resolvers-section.ts';
import { SECTIONS } from '../../services/balancer/config/sections.ts';
import { HTTP_ACTIONS } from '../../services/balancer/rules/http-actions.ts';
import { TCP_ACTIONS } from '../../services/balancer/rules/tcp-actions.ts';
import { CONVERTERS, FETCHES } from '../../services/balancer/samples/tables.ts';
import { DATA_TYPES } from '../../services/balancer/stickiness/table/data-types.ts';

/**
 * Writes the reference of keywords in the balancer's README from the tables that its parser reads:
 * `node test/tools/balancer-readme.ts`.
 */
export const README = new URL('../../services/balancer/README.md', import.meta.url);
export const BEGIN = '<!-- keywords: written by test/tools/balancer-readme.ts -->';
export const END = '<!-- end of keywords -->';

/** Words that HAProxy does not know. */
const OWN: ReadonlySet<string> = new Set(['mqtt-check', 'ping-check']);

type Table = Readonly<Record<string, { readonly usage: string; readonly summary?: string }>>;

const cell = (text: string): string => text.replace(/\|/g, '\\|').replace(/\s+/g, ' ').trim();
const code = (text: string): string => `\`${text.replaceAll('`', "'")}\``;
const byName = (table: object): string[] => Object.keys(table).toSorted();

function rowsOf(table: Table, more: (name: string) => string = () => ''): string[] {
  return byName(table).map((name) => {
    const { usage, summary = '' } = table[name]!;
    const own = OWN.has(name) ? ' **(ours)**' : '';
    const call = `${name}${usage === '' ? '' : ` ${usage}`}`;
    return `| ${cell(code(call))}${own} | ${cell(summary)}${more(name)} |`;
  });
}

const tableOf = (title: string, table: Table, more?: (name: string) => string): string[] => [
  `### ${title}`,
  '',
  '| keyword | what it does |',
  '|---|---|',
  ...rowsOf(table, more),
  '',
];

/** Fetches and converters, whose arguments stand in parentheses. */
const calls = (title: string, table: Table): string[] => {
  const rows: Record<string, { usage: string; summary: string }> = {};
  for (const name of byName(table)) {
    const { usage, summary = '' } = table[name]!;
    rows[usage === '' ? name : `${name}(${usage})`] = { usage: '', summary };
  }
  return tableOf(title, rows);
};

const list = (title: string, names: readonly string[]): string =>
  `- ${title}: ${names.toSorted().map(code).join(', ')}`;

const sectionsOf = (name: string): string => {
  const sections = PROXY_KEYWORDS[name]?.sections ?? [];
  return sections.length === 4 ? '' : ` (${sections.join(', ')})`;
};

const describedBy = (table: Readonly<Record<string, { summary: string }>>): Table =>
  Object.fromEntries(
    Object.entries(table).map(([name, { summary }]) => [name, { usage: '', summary }]),
  );

/** The generated part. */
export function keywords(): string {
  const proxy: Table = PROXY_KEYWORDS as Readonly<Record<string, KeywordInfo>>;
  return [
    BEGIN,
    '',
    `Sections: ${SECTIONS.map(code).join(', ')}.`,
    '',
    ...calls('Conditional blocks (`.if`, `.elif`, `.else`, `.endif`)', PREDICATES),
    ...tableOf('Global', GLOBAL_KEYWORDS),
    ...tableOf('`cache`', CACHE_KEYWORDS),
    ...tableOf('`resolvers`', RESOLVERS_KEYWORDS),
    ...tableOf('Proxies (defaults, frontend, listen, backend)', proxy, sectionsOf),
    ...tableOf('`option`', OPTIONS),
    ...tableOf('`timeout`', TIMEOUTS as Table),
    ...tableOf('`stats`', STATS as Table),
    ...tableOf('Parameters of `bind`', BIND_PARAMETERS as Table),
    ...tableOf('Parameters of `server` and `default-server`', SERVER_PARAMETERS),
    ...tableOf('Actions of `http-request`, `http-response`, `http-after-response`', HTTP_ACTIONS),
    ...tableOf('Actions of `tcp-request` and `tcp-response`', TCP_ACTIONS),
    ...tableOf('Data of `stick-table`', describedBy(DATA_TYPES)),
    ...calls('Sample fetches', FETCHES),
    ...calls('Converters', CONVERTERS),
    '### Refused',
    '',
    'HAProxy 2.6 knows these; here they are an error that says so, with file and line.',
    '',
    list('sections', FOREIGN_SECTIONS),
    list('global', FOREIGN_GLOBAL),
    list('proxies', FOREIGN_PROXY),
    list('`option`', FOREIGN_OPTIONS),
    list('`bind`', FOREIGN_BIND),
    list('`server`', FOREIGN_SERVER),
    '',
    END,
  ].join('\n');
}

/** The README with its generated part brought up to date. */
export function current(text: string): string {
  const from = text.indexOf(BEGIN);
  const to = text.indexOf(END);
  if (from < 0 || to < from) throw new Error('the README has lost the marks of its keywords');
  return text.slice(0, from) + keywords() + text.slice(to + END.length);
}

if (import.meta.main) {
  writeFileSync(README, current(readFileSync(README, 'utf8')));
}
