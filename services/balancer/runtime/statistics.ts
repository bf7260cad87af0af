import { tagLetters, toCsv, toJson, toTyped } from '../stats/formats.ts';
import { BACKEND, buildRows, FRONTEND, SERVER, type StatRow } from '../stats/rows.ts';
import type { Call, CommandTable } from './command.ts';
import type { RuntimeHost } from './host.ts';
import { infoFields } from './info.ts';
import { data, failure, type Reply } from './reply.ts';

/** Bits of the second word of `show stat`. */
const KIND_BITS: Readonly<Record<number, number>> = { [FRONTEND]: 1, [BACKEND]: 2, [SERVER]: 4 };
const FORMATS = ['typed', 'json', 'desc', 'up', 'no-maint', 'float'];

/** Figures of the process and of its proxies (management guide, section 9.3). */
export const STATISTICS_COMMANDS: CommandTable = [
  {
    name: 'show info',
    usage: 'show info [desc|json|typed|float]*',
    summary: 'report information about the running process',
    run: ({ host, words }) => showInfo(host, new Set(words)),
  },
  {
    name: 'show stat',
    usage: 'show stat [desc|json|no-maint|typed|up]*',
    summary: 'report counters for each proxy and server',
    run: showStat,
  },
];

function showInfo(host: RuntimeHost, options: ReadonlySet<string>): Reply {
  const fields = infoFields(host);
  if (options.has('json')) {
    const list = fields.map(({ position, name, tags, type, value }) => ({
      field: { pos: position, name },
      processNum: 1,
      tags,
      value: { type, value },
    }));
    return data(`${JSON.stringify(list)}\n`);
  }
  const lines = fields.map(({ position, name, tags, type, value, description }) => {
    const text = options.has('desc') ? `:"${description}"` : '';
    return options.has('typed')
      ? `${position}.${name}.1:${tagLetters(tags)}:${type}:${value}${text}\n`
      : `${name}: ${value}${text}\n`;
  });
  return data(lines.join(''));
}

function showStat({ host, words, word }: Call): Reply {
  const options = new Set(words);
  let rows = buildRows(host, host.serverConnections);
  const [proxy = ''] = words;
  if (proxy !== '' && !FORMATS.includes(proxy)) {
    // `<proxy> <kinds> <server>`, where -1 stands for all of them.
    const wanted = word(1) === '' || word(2) === '' ? undefined : proxy;
    if (wanted !== undefined) {
      const known = rows.some((row) => isProxy(row, wanted));
      if (!known && !/^-?\d+$/.test(wanted)) return failure('No such proxy.');
      rows = rows.filter(
        (row) => isProxy(row, wanted) && isKind(row, Number(word(1))) && isServer(row, word(2)),
      );
    }
  }
  if (options.has('up')) rows = rows.filter((row) => row.type !== SERVER || !isDown(row));
  if (options.has('no-maint')) {
    rows = rows.filter((row) => row.type !== SERVER || !String(row.status).startsWith('MAINT'));
  }
  if (options.has('typed')) return data(toTyped(rows));
  if (options.has('json')) return data(`${toJson(rows, true)}\n`);
  // The empty line at its end is the answer's own.
  return data(toCsv(rows, true).replace(/\n$/, ''));
}

const isProxy = (row: StatRow, wanted: string): boolean =>
  wanted === '-1' || row.pxname === wanted || String(row.iid) === wanted;

const isKind = (row: StatRow, bits: number): boolean =>
  bits === -1 || (bits & (KIND_BITS[Number(row.type)] ?? 0)) !== 0;

const isServer = (row: StatRow, wanted: string): boolean =>
  wanted === '-1' || row.type !== SERVER || String(row.sid) === wanted;

const isDown = (row: StatRow): boolean => /^(DOWN|MAINT)/.test(String(row.status));
