import type { DataName } from '../../stickiness/table/data-types.ts';
import type { StickEntry } from '../../stickiness/table/entry.ts';
import { keyOf } from '../../stickiness/table/key.ts';
import type { StickTable } from '../../stickiness/table/table.ts';
import { TRACKERS, type Tracked, trackedBy } from '../../stickiness/table/trackers.ts';
import { type CompileEnvironment, type Fetch, type FetchTable, integerOf } from '../fetch.ts';
import { parseIp } from '../ip.ts';
import { address, bool, int, type Sample } from '../sample.ts';
import type { Scope } from '../scope.ts';

/** An entry that counters are read from; the table may have none for the key. */
export interface Found {
  readonly table: StickTable;
  readonly entry: StickEntry | undefined;
  /** To make the entry where it is changed. */
  readonly key: string;
  /** It was looked up by a key, which HAProxy counts as one more who uses it. */
  readonly lookedUp: boolean;
  /** Made where there is none and it is to be changed. */
  readonly creates?: boolean;
}

type Find = (scope: Scope) => Found | undefined;
type Read = (found: Found) => Sample | undefined;

/** A named table, checked once the configuration is read; '' = that of the proxy itself. */
export function tableFinder(
  name: string,
  environment: CompileEnvironment,
): (scope: Scope) => StickTable | undefined {
  const full = environment.tableNamed?.(name) ?? name;
  return (scope) => scope.directory?.table?.(full);
}

const foundOf = ({ table, entry }: Tracked): Found => ({
  table,
  entry,
  key: entry.key,
  lookedUp: false,
});

/** What `track-sc<index>` tracks, or the same key in another table. */
function tracking(index: number, table: string | undefined, environment: CompileEnvironment): Find {
  const other = table === undefined || table === '' ? undefined : tableFinder(table, environment);
  return (scope) => {
    const tracked = trackedBy(scope, index);
    if (!tracked || !other) return tracked && foundOf(tracked);
    const home = other(scope);
    return (
      home && {
        table: home,
        entry: home.find(tracked.entry.key),
        key: tracked.entry.key,
        lookedUp: true,
      }
    );
  };
}

/** The client's address in a table. */
function ofSource(table: string, environment: CompileEnvironment): Find {
  const home = tableFinder(table, environment);
  return (scope) => {
    const found = home(scope);
    const bytes = parseIp(scope.client.host);
    const key = found && bytes && keyOf(found.config, address(bytes));
    return key === undefined
      ? undefined
      : { table: found!, entry: found!.find(key), key, lookedUp: true, creates: true };
  };
}

interface Row {
  readonly name: string;
  readonly summary: string;
  readonly read: Read;
  /** `get_gpc(<n>)`: the element comes first. */
  readonly element?: (element: number) => Read;
  readonly out?: Fetch['out'];
}

/** 0 where there is no entry, nothing where it is not stored. */
export const storedValue =
  (name: DataName, shift = 0): Read =>
  ({ table, entry }) => {
    if (!entry) return int(0);
    const value = readStored(table, entry, name);
    return value === undefined
      ? undefined
      : int(shift === 0 ? value : Math.floor(value / 2 ** shift));
  };

/** `gpc0` and `gpc1` may be the first elements of an array. */
const IN_ARRAY: Readonly<Partial<Record<DataName, [DataName, number]>>> = {
  gpt0: ['gpt', 0],
  gpc0: ['gpc', 0],
  gpc1: ['gpc', 1],
  gpc0_rate: ['gpc_rate', 0],
  gpc1_rate: ['gpc_rate', 1],
};

export function readStored(
  table: StickTable,
  entry: StickEntry,
  name: DataName,
): number | undefined {
  const own = table.read(entry, name);
  const array = IN_ARRAY[name];
  return own ?? (array && table.read(entry, array[0], array[1]));
}

/** Counts one event with a counter and its rate; nothing where neither is stored. */
export function increment(
  { table, entry }: Tracked,
  counter: 'gpc0' | 'gpc1' | number,
): number | undefined {
  const [own, ownRate] =
    typeof counter === 'number' ? [undefined, undefined] : ([counter, `${counter}_rate`] as const);
  const element = typeof counter === 'number' ? counter : counter === 'gpc0' ? 0 : 1;
  if (own && (table.has(own) || table.has(ownRate))) {
    table.add(entry, own, 1);
    table.add(entry, ownRate, 1);
    table.touch(entry);
    return table.read(entry, own) ?? table.read(entry, ownRate);
  }
  if (!table.has('gpc', element) && !table.has('gpc_rate', element)) return undefined;
  table.add(entry, 'gpc', 1, element);
  table.add(entry, 'gpc_rate', 1, element);
  table.touch(entry);
  return table.read(entry, 'gpc', element) ?? table.read(entry, 'gpc_rate', element);
}

/** The entry to change, made where there is none. */
function made({ table, entry, key, creates }: Found): Tracked | undefined {
  const own = entry ?? (creates ? table.get(key) : undefined);
  return own && { table, entry: own };
}

const incrementing =
  (counter: 'gpc0' | 'gpc1' | number): Read =>
  (found) => {
    const tracked = made(found);
    return int((tracked && increment(tracked, counter)) ?? 0);
  };

const clearing =
  (counter: 'gpc0' | 'gpc1'): Read =>
  (found) => {
    const tracked = made(found);
    if (!tracked) return int(0);
    const { table, entry } = tracked;
    const value = readStored(table, entry, counter);
    if (value === undefined) return undefined;
    table.set(entry, counter, 0);
    table.set(entry, 'gpc', 0, counter === 'gpc0' ? 0 : 1);
    table.touch(entry);
    return int(value);
  };

const elementOf =
  (name: 'gpc' | 'gpc_rate' | 'gpt') =>
  (element: number): Read =>
  ({ table, entry }) => {
    if (!entry) return int(0);
    const value = table.read(entry, name, element);
    return value === undefined ? undefined : int(value);
  };

const nothing: Read = () => undefined;
const plainRow = (name: string, data: DataName, summary: string): Row => ({
  name,
  summary,
  read: storedValue(data),
});

/** What may be asked of an entry: HAProxy 2.6 manual, section 7.3.3. */
const ROWS: readonly Row[] = [
  plainRow('bytes_in_rate', 'bytes_in_rate', 'bytes from the client in the period'),
  plainRow('bytes_out_rate', 'bytes_out_rate', 'bytes to the client in the period'),
  plainRow('conn_cnt', 'conn_cnt', 'connections so far'),
  plainRow('conn_cur', 'conn_cur', 'connections now'),
  plainRow('conn_rate', 'conn_rate', 'connections in the period'),
  plainRow('get_gpc0', 'gpc0', 'first general purpose counter'),
  plainRow('get_gpc1', 'gpc1', 'second general purpose counter'),
  plainRow('get_gpt0', 'gpt0', 'general purpose tag'),
  plainRow('gpc0_rate', 'gpc0_rate', 'rate of the first general purpose counter'),
  plainRow('gpc1_rate', 'gpc1_rate', 'rate of the second general purpose counter'),
  plainRow('http_err_cnt', 'http_err_cnt', 'requests that were the client’s fault'),
  plainRow('http_err_rate', 'http_err_rate', 'the same in the period'),
  plainRow('http_fail_cnt', 'http_fail_cnt', 'requests that were the server’s fault'),
  plainRow('http_fail_rate', 'http_fail_rate', 'the same in the period'),
  plainRow('http_req_cnt', 'http_req_cnt', 'requests so far'),
  plainRow('http_req_rate', 'http_req_rate', 'requests in the period'),
  plainRow('sess_cnt', 'sess_cnt', 'sessions so far'),
  plainRow('sess_rate', 'sess_rate', 'sessions in the period'),
  {
    name: 'kbytes_in',
    summary: 'kilobytes from the client',
    read: storedValue('bytes_in_cnt', 10),
  },
  {
    name: 'kbytes_out',
    summary: 'kilobytes to the client',
    read: storedValue('bytes_out_cnt', 10),
  },
  { name: 'inc_gpc0', summary: 'counts one more', read: incrementing('gpc0') },
  { name: 'inc_gpc1', summary: 'counts one more', read: incrementing('gpc1') },
  { name: 'clr_gpc0', summary: 'its value, which becomes 0', read: clearing('gpc0') },
  { name: 'clr_gpc1', summary: 'its value, which becomes 0', read: clearing('gpc1') },
  {
    name: 'get_gpc',
    summary: 'a general purpose counter',
    read: nothing,
    element: elementOf('gpc'),
  },
  { name: 'get_gpt', summary: 'a general purpose tag', read: nothing, element: elementOf('gpt') },
  { name: 'gpc_rate', summary: 'its rate', read: nothing, element: elementOf('gpc_rate') },
  { name: 'inc_gpc', summary: 'counts one more', read: nothing, element: incrementing },
  {
    name: 'trackers',
    summary: 'who tracks the key now',
    read: usersOf,
  },
];

export function usersOf({ entry, lookedUp }: Found): Sample {
  return int(entry ? entry.users + (lookedUp ? 1 : 0) : 0);
}

const source = 'connection';

function evaluator(find: Find, read: Read): (scope: Scope) => Sample | undefined {
  return (scope) => {
    const found = find(scope);
    return found && read(found);
  };
}

/** `sc_x(<ctr>[,<table>])`; with an element in front for arrays. */
function numbered({ summary, read, element }: Row): Fetch {
  const first = element ? 1 : 0;
  return {
    out: 'sint',
    source,
    usage: element ? '<idx>,<ctr>[,<table>]' : '<ctr>[,<table>]',
    args: [1 + first, 2 + first],
    summary: `${summary}, of what is tracked`,
    make: (args, environment) => {
      const index = integerOf(args[first] ?? '', 'counter', 0, 2 ** 31);
      const reading = element ? element(integerOf(args[0] ?? '', 'index', 0, 99)) : read;
      return evaluator(tracking(index, args[1 + first], environment), reading);
    },
  };
}

/** `sc0_x([<table>])`. */
const fixed = (index: number, { summary, read }: Row): Fetch => ({
  out: 'sint',
  source,
  usage: '[<table>]',
  args: [0, 1],
  summary: `${summary}, of what track-sc${index} tracks`,
  make: ([table], environment) => evaluator(tracking(index, table, environment), read),
});

/** `src_x([<table>])`. */
const bySource = ({ summary, read, element }: Row): Fetch => ({
  out: 'sint',
  source,
  usage: element ? '<idx>[,<table>]' : '[<table>]',
  args: element ? [1, 2] : [0, 1],
  summary: `${summary}, of the client's address`,
  make: (args, environment) => {
    const table = args[element ? 1 : 0] ?? '';
    const reading = element ? element(integerOf(args[0] ?? '', 'index', 0, 99)) : read;
    return evaluator(ofSource(table, environment), reading);
  },
});

const tracked = (index: number | undefined): Fetch => ({
  out: 'bool',
  source,
  usage: index === undefined ? '<ctr>[,<table>]' : '[<table>]',
  args: index === undefined ? [1, 2] : [0, 1],
  summary: 'whether anything is tracked',
  make: (args, environment) => {
    const at = index ?? integerOf(args[0] ?? '', 'counter', 0, 2 ** 31);
    const find = tracking(at, args[index === undefined ? 1 : 0], environment);
    return (scope) => bool(find(scope)?.entry !== undefined);
  },
});

const ofTable = (summary: string, of: (table: StickTable) => number): Fetch => ({
  out: 'sint',
  source: 'internal',
  usage: '[<table>]',
  args: [0, 1],
  summary,
  make: ([name = ''], environment) => {
    const find = tableFinder(name, environment);
    return (scope) => {
      const table = find(scope);
      return table && int(of(table));
    };
  },
});

/** Counts a connection of the client's address without tracking it. */
const updateConnections: Fetch = bySource({
  name: 'updt_conn_cnt',
  summary: 'connections so far, this one counted',
  read: (found) => {
    const own = made(found);
    if (!own?.table.has('conn_cnt')) return undefined;
    own.table.add(own.entry, 'conn_cnt', 1);
    own.table.touch(own.entry);
    return int(own.table.read(own.entry, 'conn_cnt')!);
  },
});

function table(): FetchTable {
  const rows: Record<string, Fetch> = {
    sc_tracked: tracked(undefined),
    src_updt_conn_cnt: updateConnections,
    table_cnt: ofTable('entries of a stick-table', ({ used }) => used),
    table_avl: ofTable('room for more entries in a stick-table', ({ available }) => available),
  };
  for (const row of ROWS) {
    rows[`sc_${row.name}`] = numbered(row);
    if (row.name !== 'trackers') rows[`src_${row.name}`] = bySource(row);
    if (row.element) continue;
    for (let index = 0; index < TRACKERS; index++)
      rows[`sc${index}_${row.name}`] = fixed(index, row);
  }
  for (let index = 0; index < TRACKERS; index++) rows[`sc${index}_tracked`] = tracked(index);
  return rows;
}

/** Counters of stick-tables: HAProxy 2.6 manual, sections 7.3.2 and 7.3.3. */
export const TABLE_FETCHES: FetchTable = table();
