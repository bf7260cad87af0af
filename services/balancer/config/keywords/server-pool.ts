import type { PoolLimits } from '../../model.ts';
import { describeDurationError, parseDuration } from '../duration.ts';
import { type KeywordTable, parseInteger } from '../keyword.ts';
import type { ServerKeyword, ServerLine } from './server-parameters.ts';

function change({ settings }: ServerLine, part: Partial<PoolLimits>): undefined {
  settings.pool = { max: -1, low: 0, purgeDelay: 5000, ...settings.pool, ...part };
}

const limit = (
  name: string,
  key: 'max' | 'low',
  least: number,
  summary: string,
): ServerKeyword => ({
  usage: '<number>',
  summary,
  arguments: 1,
  inherited: true,
  set: (server, text) => {
    if (text === '') return `'${name}' expects <value> as argument.`;
    const value = parseInteger(text);
    if (value === undefined) return `'${name}' expects an integer, '${text}' is none.`;
    return value < least ? `'${name}' must be >= ${least}.` : change(server, { [key]: value });
  },
});

/** Idle connections to a server: HAProxy 2.6 manual, section 5.2. */
export const POOL_PARAMETERS: KeywordTable<ServerKeyword> = {
  'pool-low-conn': limit('pool-low-conn', 'low', 0, 'idle connections kept beyond what is needed'),
  'pool-max-conn': limit('pool-max-conn', 'max', -1, 'most idle connections, -1 = no limit'),
  'pool-purge-delay': {
    usage: '<time>',
    summary: 'how often half of the idle connections that are too many is closed (default 5s)',
    arguments: 1,
    inherited: true,
    set: (server, text) => {
      const parsed = parseDuration(text);
      if (parsed.error?.kind === 'empty') return "'pool-purge-delay' expects <value> as argument.";
      if (parsed.error) {
        return describeDurationError(parsed.error, text, 'argument to <pool-purge-delay>');
      }
      return change(server, { purgeDelay: parsed.value });
    },
  },
};
