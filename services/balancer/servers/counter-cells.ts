import { AVERAGE_CELLS, RATE_CELLS } from './rate.ts';

/** Counts that are plain numbers, in the order in which a row has them. */
export const PLAIN = [
  'scur',
  'smax',
  'stot',
  'qcur',
  'qmax',
  'bin',
  'bout',
  'dreq',
  'dresp',
  'ereq',
  'econ',
  'eresp',
  'wretr',
  'wredis',
  'cliAborts',
  'srvAborts',
  'lbtot',
  'connTot',
  'reqTot',
  'intercepted',
  'connect',
  'reuse',
  'hrsp1xx',
  'hrsp2xx',
  'hrsp3xx',
  'hrsp4xx',
  'hrsp5xx',
  'hrspOther',
  'compIn',
  'compOut',
  'compByp',
  'compRsp',
  'cacheLookups',
  'cacheHits',
  'poolIdle',
  'poolSafe',
  'poolUsed',
  'poolNeed',
  'droppedLogs',
] as const;
/** Those that are the most that there ever was. */
export const MAXIMA: ReadonlySet<string> = new Set(['smax', 'qmax']);

/** Those that tell of this moment. */
export const GAUGES = ['scur', 'qcur', 'poolIdle', 'poolSafe', 'poolUsed', 'poolNeed'] as const;

/** Where a row has what is read most. */
export const SCUR = PLAIN.indexOf('scur');
export const QCUR = PLAIN.indexOf('qcur');
export const LAST_SESSION = PLAIN.length;
/** Since when the one waits who has waited longest, milliseconds since the epoch; 0 = nobody does. */
export const LONGEST_WAIT = LAST_SESSION + 1;
export const RATES_AT = LONGEST_WAIT + 1;
export const AVERAGES_AT = RATES_AT + 3 * RATE_CELLS;

/** Numbers of one worker's row. */
export const COUNTER_CELLS = AVERAGES_AT + 4 * AVERAGE_CELLS;
