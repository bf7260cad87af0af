import { isIP } from 'node:net';
import { redirectAgent, redirectChecks } from '../../servers/redirect.ts';
import type { Server } from '../../servers/server.ts';
import type { Call, CommandTable } from '../command.ts';
import { bareFailure, failure, NOTHING, notice, type Reply, warning } from '../reply.ts';
import { backendOf, isReply, serverOf } from '../targets.ts';
import { changeWeight } from './weights.ts';

const MAX_PORT = 65_535;
const BY = "by 'stats socket command'";

type Change = (server: Server, words: readonly string[]) => Reply;

const NO_CHECK = bareFailure('health checks are not enabled on this server');
const NO_AGENT = bareFailure('agent checks are not enabled on this server');

/** What may follow `set server <backend>/<server>`. */
const CHANGES: Readonly<Record<string, Change>> = {
  addr: changeAddress,
  agent: (server, [word]) => {
    if (!server.agent) return failure('agent checks are not enabled on this server.');
    if (word !== 'up' && word !== 'down') {
      return failure("'set server <srv> agent' expects 'up' or 'down'.");
    }
    server.setAgentHealth(word === 'up');
    return NOTHING;
  },
  'agent-addr': (server, [address = '']) => {
    if (!server.agent) return NO_AGENT;
    if (isIP(address) === 0) return bareFailure('incorrect addr address given for agent.');
    redirectAgent(server, { host: address });
    return NOTHING;
  },
  'agent-port': (server, [text = '']) => {
    if (!server.agent) return NO_AGENT;
    const port = portOf(text);
    if (port === undefined) return bareFailure('incorrect port given for agent.');
    redirectAgent(server, { port });
    return NOTHING;
  },
  'agent-send': (server, [text]) => {
    if (!server.agent) return NO_AGENT;
    if (text === undefined) return bareFailure("'agent-send' requires a string.");
    redirectAgent(server, { send: text });
    return NOTHING;
  },
  'check-addr': (server, [address = '', keyword, text = '']) => {
    if (!server.config.check) return NO_CHECK;
    if (isIP(address) === 0) return bareFailure('invalid addr address given.');
    const port = keyword === 'port' ? portOf(text) : undefined;
    if (keyword === 'port' && port === undefined) {
      return bareFailure('provided port is not an integer');
    }
    redirectChecks(server, { addr: address, port });
    return NOTHING;
  },
  'check-port': (server, [text = '']) => {
    if (!server.config.check) return NO_CHECK;
    if (!/^\d+$/.test(text)) return bareFailure('provided port is not an integer');
    const port = portOf(text);
    if (port === undefined) return bareFailure('provided port is not valid.');
    redirectChecks(server, { port });
    return NOTHING;
  },
  fqdn: () => failure('set server <b>/<s> fqdn failed because no resolution is configured.'),
  health: (server, [word]) => {
    const health = (['up', 'stopping', 'down'] as const).find((one) => one === word);
    if (server.tracked) return failure('cannot change health on a tracking server.');
    if (!health) {
      return failure("'set server <srv> health' expects 'up', 'stopping', or 'down'.");
    }
    server.setHealth(health);
    return NOTHING;
  },
  ssl: (server, [word]) => {
    if (!server.config.tlsKept) {
      return failure(
        "'set server <srv> ssl' cannot be set.  default-server should define ssl settings",
      );
    }
    if (word !== 'on' && word !== 'off') {
      return failure("'set server <srv> ssl' expects 'on' or 'off'.");
    }
    server.setTls(word === 'on');
    return notice('server ssl setting updated.');
  },
  state: (server, [word]) => {
    const state = (['ready', 'drain', 'maint'] as const).find((one) => one === word);
    if (!state) {
      return failure("'set server <srv> state' expects 'ready', 'drain' and 'maint'.");
    }
    server.setState(state);
    return NOTHING;
  },
  weight: (server, [text = '']) => changeWeight(server, text),
};

const USAGE = failure(
  `usage: set server <backend>/<server> ${Object.keys(CHANGES).toSorted().join(' | ')}`,
);

function portOf(text: string): number | undefined {
  const port = Number(text);
  return /^\d{1,5}$/.test(text) && port >= 1 && port <= MAX_PORT ? port : undefined;
}

/** `addr <ip4|ip6> [port <port>]`, where a port with a sign is an offset, which no server has. */
function changeAddress(server: Server, words: readonly string[]): Reply {
  const [address, keyword, text = ''] = words;
  if (address === undefined) {
    return failure('set server <b>/<s> addr requires an address and optionally a port.');
  }
  if (isIP(address) === 0) return warning(`Invalid addr '${address}' ${BY}`);
  const { host, port, check } = server.config;
  const changed = address !== host ? [`IP changed from '${host}' to '${address}'`] : [];
  const same = address === host ? ['no need to change the addr'] : [];
  let next = port;
  if (keyword === 'port') {
    const wanted = portOf(text);
    if (wanted === undefined) {
      const why = /^[+-]\d+$/.test(text)
        ? "can't change <port> to port map because it is incompatible with current health check port configuration (use 'port' statement from the 'server' directive."
        : 'provided port is not valid';
      if (check || !/^[+-]/.test(text))
        return warning([...changed, ...same, `${why} ${BY}`].join(', '));
      return warning(`port maps are not supported ${BY}`);
    }
    next = wanted;
    if (next === port) same.push('no need to change the port');
    else changed.push(`port changed from '${port}' to '${next}'`);
  }
  if (address !== host || next !== port) server.setAddress(address, next);
  return warning(`${[...changed, ...same].join(', ')} ${BY}`);
}

/** `disable` and `enable` of what looks after a server. */
function switches(
  what: 'health' | 'agent',
  title: string,
  { has, set }: { has(server: Server): boolean; set(server: Server, on: boolean): void },
): CommandTable {
  const level = 'admin';
  return [
    {
      name: `disable ${what}`,
      usage: `disable ${what}`,
      summary: `disable ${what} checks`,
      level,
      run: onServer((server) => {
        set(server, false);
        return NOTHING;
      }),
    },
    {
      name: `enable ${what}`,
      usage: `enable ${what}`,
      summary: `enable ${what} checks`,
      level,
      run: onServer((server, { host }) => {
        if (!has(server)) {
          return failure(`${title} was not configured on this server, cannot enable.`);
        }
        set(server, true);
        // Who came at run time is looked after from here on.
        if (server.dynamic && !host.checks.has(server)) host.checks.add(server);
        return NOTHING;
      }),
    },
  ];
}

/** Runs `use` on the server that the first word names. */
const onServer =
  (use: (server: Server, call: Call) => Reply) =>
  (call: Call): Reply => {
    const server = serverOf(call.host, call.word(0));
    return isReply(server) ? server : use(server, call);
  };

const onBackend =
  (change: (backend: NonNullable<ReturnType<typeof backendOf>>, key: string) => void) =>
  ({ host, word }: Call): Reply => {
    if (word(0) === '') return failure('A backend name is expected.');
    const backend = backendOf(host, word(0));
    if (!backend) return failure('No such backend.');
    change(backend, word(1));
    for (const server of backend.servers) server.cookieChanged();
    return NOTHING;
  };

/** Everything that changes a server (management guide, section 9.3). */
export const SET_SERVER_COMMANDS: CommandTable = [
  {
    name: 'set server',
    usage: 'set server <bk>/<srv> [opts]',
    summary: "change a server's state, weight, address or ssl",
    level: 'admin',
    run: onServer((server, { words }) => {
      const what = words[1] ?? '';
      const change = Object.hasOwn(CHANGES, what) ? CHANGES[what] : undefined;
      return change ? change(server, words.slice(2)) : USAGE;
    }),
  },
  {
    name: 'disable server',
    usage: 'disable server (DEPRECATED)',
    summary: "disable a server for maintenance (use 'set server' instead)",
    level: 'admin',
    run: onServer((server) => {
      server.setState('maint');
      return NOTHING;
    }),
  },
  {
    name: 'enable server',
    usage: 'enable server  (DEPRECATED)',
    summary: "enable a disabled server (use 'set server' instead)",
    level: 'admin',
    run: onServer((server) => {
      server.setState('ready');
      return NOTHING;
    }),
  },
  ...switches('health', 'Health check', {
    has: ({ config }) => config.check !== undefined,
    set: (server, on) => {
      server.checksEnabled = on;
    },
  }),
  ...switches('agent', 'Agent', {
    has: ({ agent }) => agent !== undefined,
    set: (server, on) => {
      server.agentEnabled = on;
    },
  }),
  {
    name: 'disable dynamic-cookie backend',
    workers: 'each',
    usage: 'disable dynamic-cookie backend <bk>',
    summary: 'disable dynamic cookies on a specific backend',
    level: 'admin',
    run: onBackend(({ config }) => {
      if (config.cookie) config.cookie.dynamic = false;
    }),
  },
  {
    name: 'enable dynamic-cookie backend',
    workers: 'each',
    usage: 'enable dynamic-cookie backend <bk>',
    summary: 'enable dynamic cookies on a specific backend',
    level: 'admin',
    run: onBackend(({ config }) => {
      if (config.cookie) config.cookie.dynamic = true;
    }),
  },
  {
    name: 'set dynamic-cookie-key backend',
    workers: 'each',
    usage: 'set dynamic-cookie-key backend <bk> <k>',
    summary: 'change a backend secret key for dynamic cookies',
    level: 'admin',
    run: onBackend(({ config }, key) => {
      if (key !== '') config.dynamicCookieKey = key;
    }),
  },
];
