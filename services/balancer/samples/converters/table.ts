import type { DataName } from '../../stickiness/table/data-types.ts';
import { keyOf } from '../../stickiness/table/key.ts';
import type { Converter, ConverterTable } from '../converter.ts';
import { integerOf } from '../fetch.ts';
import { type Found, storedValue, tableFinder, usersOf } from '../fetches/table.ts';
import { bool, int, type Sample } from '../sample.ts';

const lookUp = (
  out: Converter['out'],
  summary: string,
  read: (found: Found) => Sample | undefined,
  element?: (element: number) => (found: Found) => Sample | undefined,
): Converter => ({
  in: 'any',
  out,
  usage: element ? '<idx>[,<table>]' : '[<table>]',
  args: element ? [1, 2] : [0, 1],
  summary: `${summary}, of the entry with this key`,
  make: (args, environment) => {
    const find = tableFinder(args[element ? 1 : 0] ?? '', environment);
    const reading = element ? element(integerOf(args[0] ?? '', 'index', 0, 99)) : read;
    return (sample, scope) => {
      const table = find(scope);
      const key = table && keyOf(table.config, sample);
      return key === undefined
        ? undefined
        : reading({ table: table!, entry: table!.find(key), key, lookedUp: true });
    };
  },
});

const stored = (name: DataName, summary: string): Converter =>
  lookUp('sint', summary, storedValue(name));

const elementOf =
  (name: 'gpc' | 'gpc_rate' | 'gpt') =>
  (element: number) =>
  ({ table, entry }: Found): Sample | undefined => {
    if (!entry) return int(0);
    const value = table.read(entry, name, element);
    return value === undefined ? undefined : int(value);
  };
const none = (): undefined => undefined;

/** Counters of stick-tables by any key: HAProxy 2.6 manual, section 7.3.1. */
export const TABLE_CONVERTERS: ConverterTable = {
  in_table: lookUp('bool', 'whether there is one', ({ entry }) => bool(entry !== undefined)),
  table_bytes_in_rate: stored('bytes_in_rate', 'bytes from the client in the period'),
  table_bytes_out_rate: stored('bytes_out_rate', 'bytes to the client in the period'),
  table_conn_cnt: stored('conn_cnt', 'connections so far'),
  table_conn_cur: stored('conn_cur', 'connections now'),
  table_conn_rate: stored('conn_rate', 'connections in the period'),
  table_gpc: lookUp('sint', 'a general purpose counter', none, elementOf('gpc')),
  table_gpc_rate: lookUp('sint', 'its rate', none, elementOf('gpc_rate')),
  table_gpc0: stored('gpc0', 'first general purpose counter'),
  table_gpc0_rate: stored('gpc0_rate', 'its rate'),
  table_gpc1: stored('gpc1', 'second general purpose counter'),
  table_gpc1_rate: stored('gpc1_rate', 'its rate'),
  table_gpt: lookUp('sint', 'a general purpose tag', none, elementOf('gpt')),
  table_gpt0: stored('gpt0', 'general purpose tag'),
  table_http_err_cnt: stored('http_err_cnt', 'requests that were the client’s fault'),
  table_http_err_rate: stored('http_err_rate', 'the same in the period'),
  table_http_fail_cnt: stored('http_fail_cnt', 'requests that were the server’s fault'),
  table_http_fail_rate: stored('http_fail_rate', 'the same in the period'),
  table_http_req_cnt: stored('http_req_cnt', 'requests so far'),
  table_http_req_rate: stored('http_req_rate', 'requests in the period'),
  table_kbytes_in: lookUp('sint', 'kilobytes from the client', storedValue('bytes_in_cnt', 10)),
  table_kbytes_out: lookUp('sint', 'kilobytes to the client', storedValue('bytes_out_cnt', 10)),
  table_server_id: stored('server_id', 'number of the server'),
  table_sess_cnt: stored('sess_cnt', 'sessions so far'),
  table_sess_rate: stored('sess_rate', 'sessions in the period'),
  table_trackers: lookUp('sint', 'who tracks it now', usersOf),
};
