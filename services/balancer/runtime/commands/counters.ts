import type { CommandTable } from '../command.ts';
import { allows } from '../config.ts';
import type { RuntimeHost } from '../host.ts';
import { failure, NOTHING } from '../reply.ts';

/** `clear counters` (management guide, section 9.3). */
export const COUNTER_COMMANDS: CommandTable = [
  {
    name: 'clear counters',
    workers: 'each-now',
    usage: 'clear counters [all]',
    summary: 'clear max statistics counters (or all counters)',
    level: 'operator',
    run: ({ host, session, word }) => {
      const all = word(0) === 'all';
      if (all && !allows(session.level, 'admin')) return failure('Permission denied');
      for (const counters of countersOf(host)) {
        if (all) counters.clearAll();
        else counters.clearMaxima();
      }
      if (!all) return NOTHING;
      for (const backend of host.backends) {
        backend.timesDown = 0;
        for (const server of backend.servers) {
          server.timesDown = 0;
          server.checksFailed = 0;
        }
      }
      return NOTHING;
    },
  },
];

function* countersOf({ frontends, backends }: RuntimeHost) {
  for (const { counters } of frontends) yield counters;
  for (const backend of backends) {
    yield backend.counters;
    for (const { counters } of backend.servers) yield counters;
  }
}
