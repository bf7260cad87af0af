import { formatStates } from '../../checks/server-state.ts';
import type { Backend } from '../../servers/backend.ts';
import type { Server } from '../../servers/server.ts';
import type { CommandTable } from '../command.ts';
import type { RuntimeHost } from '../host.ts';
import { data, failure, type Reply } from '../reply.ts';
import { backendOf } from '../targets.ts';

/** Milliseconds between two purges of idle connections, HAProxy's `pool-purge-delay`. */
const PURGE_DELAY = 5000;

const CONN_FIELDS =
  '# bkname/svname bkid/svid addr port - purge_delay used_cur used_max need_est unsafe_nb safe_nb idle_lim idle_cur idle_per_thr[1]';

/** The backends that a word names, all of them without one; undefined = there is none such. */
function chosen(host: RuntimeHost, name: string): readonly Backend[] | undefined {
  if (name === '') return host.backends;
  const backend = backendOf(host, name);
  return backend && [backend];
}

const NO_BACKEND: Reply = failure("Can't find backend.");

/** What is known of backends and servers (management guide, section 9.3). */
export const SERVER_COMMANDS: CommandTable = [
  {
    name: 'show backend',
    usage: 'show backend',
    summary: 'list backends in the current running config',
    run: ({ host }) =>
      data(`# name\n${host.backends.map(({ config }) => `${config.name}\n`).join('')}`),
  },
  {
    name: 'show servers state',
    usage: 'show servers state [<backend>]',
    summary: 'dump volatile server information (all or for a single backend)',
    run: ({ host, word }) => {
      const backends = chosen(host, word(0));
      return backends ? data(formatStates(backends)) : NO_BACKEND;
    },
  },
  {
    name: 'show servers conn',
    usage: 'show servers conn [<backend>]',
    summary: 'dump server connections status (all or for a single backend)',
    run: ({ host, word }) => {
      const backends = chosen(host, word(0));
      if (!backends) return NO_BACKEND;
      const servers = backends.flatMap((backend) => backend.servers);
      return data(`${[CONN_FIELDS, ...servers.map((one) => connLine(host, one))].join('\n')}\n`);
    },
  },
];

function connLine({ serverConnections: pools }: RuntimeHost, server: Server): string {
  const { backend, config } = server;
  const idle = pools.idle(server);
  const safe = pools.safe(server);
  const need = pools.need(server);
  return [
    `${backend.config.name}/${config.name}`,
    `${backend.config.id}/${config.id}`,
    config.host,
    config.port,
    '-',
    PURGE_DELAY,
    backend.config.mode === 'http' ? pools.used(server) : server.cur,
    server.counters.totals().smax,
    need,
    idle,
    safe,
    -1,
    idle + safe,
    idle + safe,
  ].join(' ');
}
