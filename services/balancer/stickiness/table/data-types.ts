/**
 * What an entry can remember: HAProxy 2.6 manual, section 4.2 `stick-table`, in the order in which
 * its runtime socket shows them.
 */
export type DataKind =
  /** A counter of 32 bits. */
  | 'count'
  /** One of 64 bits, for bytes. */
  | 'bytes'
  /** Events in a sliding period. */
  | 'rate'
  /** Text. */
  | 'text';

export interface DataType {
  readonly kind: DataKind;
  /** Takes a number of elements: `gpc(<nb>)`. */
  readonly array: boolean;
  readonly summary: string;
}

const count = (summary: string): DataType => ({ kind: 'count', array: false, summary });
const bytes = (summary: string): DataType => ({ kind: 'bytes', array: false, summary });
const rate = (summary: string): DataType => ({ kind: 'rate', array: false, summary });

export const DATA_TYPES = {
  server_id: count('number of the server that the key sticks to'),
  gpt0: count('general purpose tag'),
  gpc0: count('general purpose counter'),
  gpc0_rate: rate('its rate'),
  conn_cnt: count('connections so far'),
  conn_rate: rate('new connections'),
  conn_cur: count('connections now'),
  sess_cnt: count('sessions so far'),
  sess_rate: rate('new sessions'),
  http_req_cnt: count('requests so far'),
  http_req_rate: rate('requests'),
  http_err_cnt: count('requests that were the client’s fault'),
  http_err_rate: rate('the same'),
  bytes_in_cnt: bytes('bytes from the client'),
  bytes_in_rate: rate('the same'),
  bytes_out_cnt: bytes('bytes to the client'),
  bytes_out_rate: rate('the same'),
  gpc1: count('second general purpose counter'),
  gpc1_rate: rate('its rate'),
  server_key: { kind: 'text', array: false, summary: 'name of that server' },
  http_fail_cnt: count('requests that were the server’s fault'),
  http_fail_rate: rate('the same'),
  gpt: { kind: 'count', array: true, summary: 'general purpose tags' },
  gpc: { kind: 'count', array: true, summary: 'general purpose counters' },
  gpc_rate: { kind: 'rate', array: true, summary: 'their rates' },
} as const satisfies Record<string, DataType>;

export type DataName = keyof typeof DATA_TYPES;

export const isDataName = (name: string): name is DataName => Object.hasOwn(DATA_TYPES, name);

export const DATA_NAMES = Object.keys(DATA_TYPES) as readonly DataName[];
