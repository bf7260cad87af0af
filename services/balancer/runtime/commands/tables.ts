import { str } from '../../samples/sample.ts';
import { type DataName, isDataName } from '../../stickiness/table/data-types.ts';
import { entryLine, tableLine } from '../../stickiness/table/describe.ts';
import type { StickEntry } from '../../stickiness/table/entry.ts';
import { keyOf } from '../../stickiness/table/key.ts';
import type { StickTable } from '../../stickiness/table/table.ts';
import type { Call, CommandTable } from '../command.ts';
import { data, failure, NOTHING, type Reply } from '../reply.ts';
import { isReply } from '../targets.ts';

const OPERATORS: Readonly<Record<string, (a: number, b: number) => boolean>> = {
  eq: (a, b) => a === b,
  ne: (a, b) => a !== b,
  le: (a, b) => a <= b,
  ge: (a, b) => a >= b,
  lt: (a, b) => a < b,
  gt: (a, b) => a > b,
};
/** Most `data.` filters of one command. */
const MAX_FILTERS = 4;

type Filter = (table: StickTable, entry: StickEntry) => boolean;

/** Names of entries, given when they are first shown. */
const NAMES = new WeakMap<StickEntry, number>();
let next = 1;

function lineOf(table: StickTable, entry: StickEntry): string {
  let name = NAMES.get(entry);
  if (name === undefined) {
    name = next++;
    NAMES.set(entry, name);
  }
  return `0x${name.toString(16)}: ${entryLine(table, entry)}\n`;
}

const isEntry = (found: StickEntry | Reply | undefined): found is StickEntry =>
  found !== undefined && !isReply(found);

/** The key behind `key`, as the table has it. */
function keyIn(table: StickTable, text: string): string | Reply {
  if (text === '') return failure('Key value expected');
  return keyOf(table.config, str(text)) ?? failure('Invalid key');
}

/** `data.<type> <operator> <value>`, up to four of them; a reply says what is wrong. */
function filtersOf(table: StickTable, words: readonly string[]): Filter[] | Reply {
  const filters: Filter[] = [];
  for (let at = 0; at < words.length && filters.length < MAX_FILTERS; at += 3) {
    const fail = (what: string): Reply => failure(`Filter entry #${filters.length + 1}: ${what}`);
    const name = (words[at] ?? '').replace(/^data\./, '');
    if (!words[at]?.startsWith('data.') || !isDataName(name)) return fail('Unknown data type');
    if (!table.has(name)) return fail('Data type not stored in this table');
    const compare = OPERATORS[words[at + 1] ?? ''];
    if (!compare) {
      return fail('Require and operator among "eq", "ne", "le", "ge", "lt", "gt"');
    }
    const value = words[at + 2] ?? '';
    if (!/^-?\d{1,15}$/.test(value))
      return fail('Require a valid integer value to compare against');
    filters.push((one, entry) => compare(one.read(entry, name) ?? 0, Number(value)));
  }
  return filters;
}

/** The entries that the words behind the table's name ask for; a reply says what is wrong. */
function chosen(table: StickTable, words: readonly string[]): StickEntry[] | Reply | undefined {
  const [first = '', text = ''] = words;
  if (first === 'key') {
    const key = keyIn(table, text);
    if (typeof key !== 'string') return key;
    const entry = table.find(key);
    return entry && [entry];
  }
  if (first !== '' && !first.startsWith('data.')) {
    return failure(
      'Optional argument only supports "data.<store_data_type>" <operator> <value> and key <key>',
    );
  }
  const filters = filtersOf(table, words);
  if (!Array.isArray(filters)) return filters;
  return [...table.entries()].filter((entry) => filters.every((fits) => fits(table, entry)));
}

function tableOf({ host, word }: Call): StickTable | Reply {
  return host.tables.get(word(0)) ?? failure('No such table');
}

/** Sets `data.<type> <value>` pairs of an entry, all of them or none. */
function change(table: StickTable, entry: StickEntry, words: readonly string[]): Reply {
  const values: [DataName, number][] = [];
  for (let at = 0; at < words.length; at += 2) {
    const name = (words[at] ?? '').replace(/^data\./, '');
    if (!words[at]?.startsWith('data.')) {
      return failure('"data.<type>" followed by a value expected');
    }
    if (!isDataName(name)) return failure('Unknown data type');
    if (!table.has(name)) return failure('Data type not stored in this table');
    const value = words[at + 1] ?? '';
    if (!/^\d{1,15}$/.test(value)) return failure('Require a valid integer value to store');
    values.push([name, Number(value)]);
  }
  for (const [name, value] of values) table.set(entry, name, value);
  return NOTHING;
}

const REQUIRED = failure(
  'Required arguments: <table> "data.<store_data_type>" <operator> <value> or <table> key <key>',
);

/** What stick-tables remember (management guide, section 9.3). */
export const TABLE_COMMANDS: CommandTable = [
  {
    name: 'show table',
    usage: 'show table <table> [<filter>]*',
    summary: "report table usage stats or dump this table's contents (filter: data/key)",
    run: (call) => {
      if (call.word(0) === '') {
        return data([...call.host.tables].map((one) => `${tableLine(one)}\n`).join(''));
      }
      const table = tableOf(call);
      if (isReply(table)) return table;
      const entries = chosen(table, call.words.slice(1));
      if (!entries) return NOTHING;
      if (!Array.isArray(entries)) return entries;
      const lines = entries.map((entry) => lineOf(table, entry));
      return data(`${tableLine(table)}\n${lines.join('')}`);
    },
  },
  {
    name: 'clear table',
    usage: 'clear table <table> [<filter>]*',
    summary: 'remove an entry from a table (filter: data/key)',
    run: (call) => {
      if (call.word(0) === '') return REQUIRED;
      const table = tableOf(call);
      if (isReply(table)) return table;
      const entries = chosen(table, call.words.slice(1)) ?? [];
      if (!Array.isArray(entries)) return entries;
      // One that is being tracked stays, with what is counted of it.
      if (call.word(1) === 'key' && entries.some(({ users }) => users > 0)) {
        return failure('Entry currently in use, cannot remove');
      }
      for (const entry of entries) if (entry.users === 0) table.delete(entry);
      return NOTHING;
    },
  },
  {
    name: 'set table',
    usage: 'set table <table> key <k> [data.* <v>]*',
    summary: "update or create a table entry's data",
    run: (call) => {
      if (call.word(0) === '') return REQUIRED;
      const table = tableOf(call);
      if (isReply(table)) return table;
      if (call.word(1) !== 'key') return REQUIRED;
      const key = keyIn(table, call.word(2));
      if (typeof key !== 'string') return key;
      const known = table.find(key);
      const entry = known ?? table.get(key);
      if (!isEntry(entry)) return failure('Unable to allocate a new entry');
      const reply = change(table, entry, call.words.slice(3));
      if (!known && reply !== NOTHING) table.delete(entry);
      return reply;
    },
  },
];
