import { threadId } from 'node:worker_threads';
import type { LiveSession } from '../../servers/live-session.ts';
import type { CommandTable } from '../command.ts';
import type { RuntimeHost } from '../host.ts';
import { data, failure, NOTHING } from '../reply.ts';
import { isReply, serverOf } from '../targets.ts';

/** Names of sessions, given when they are first shown; those of other workers begin elsewhere. */
const NAMES = new WeakMap<LiveSession, string>();
let next = 1 + threadId * 2 ** 32;

function nameOf(session: LiveSession): string {
  let name = NAMES.get(session);
  if (name === undefined) {
    name = `0x${(next++).toString(16)}`;
    NAMES.set(session, name);
  }
  return name;
}

function find(host: RuntimeHost, name: string): LiveSession | undefined {
  for (const session of host.sessions()) if (NAMES.get(session) === name) return session;
  return undefined;
}

function protocolOf(host: string): string {
  if (host === 'unix') return 'unix_stream';
  return host.includes(':') ? 'tcpv6' : 'tcpv4';
}

const ageOf = (since: number): string => {
  const seconds = Math.max(0, Math.floor((Date.now() - since) / 1000));
  if (seconds < 60) return `${seconds}s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)}m${seconds % 60}s`;
  return `${Math.floor(seconds / 3600)}h${Math.floor(seconds / 60) % 60}m`;
};

function line(session: LiveSession): string {
  const { client, startedAt, frontend, backend, server, bytesIn, bytesOut } = session.facts;
  return (
    `${nameOf(session)}: proto=${protocolOf(client.host)} src=${client.host}:${client.port} ` +
    `fe=${frontend.config.name} be=${backend?.config.name ?? '<NONE>'} ` +
    `srv=${server?.config.name ?? '<none>'} age=${ageOf(startedAt)} in=${bytesIn} out=${bytesOut}\n`
  );
}

function details(session: LiveSession): string {
  const { client, startedAt, frontend, backend, server, bytesIn, bytesOut } = session.facts;
  const proxy = (one: { config: { name: string; id: number; mode?: string } } | undefined) =>
    one ? `${one.config.name} (id=${one.config.id})` : '<NONE> (id=-1)';
  return (
    `${nameOf(session)}: [${new Date(startedAt).toISOString()}] ` +
    `proto=${protocolOf(client.host)} source=${client.host}:${client.port}\n` +
    `  frontend=${proxy(frontend)} mode=${frontend.config.mode}, addr=${client.localHost}:${client.localPort}\n` +
    `  backend=${proxy(backend)}\n` +
    `  server=${proxy(server)}${server ? `, addr=${server.config.host}:${server.config.port}` : ''}\n` +
    `  age=${ageOf(startedAt)} bytes_in=${bytesIn} bytes_out=${bytesOut}\n`
  );
}

/** Sessions under way (management guide, section 9.3). */
export const SESSION_COMMANDS: CommandTable = [
  {
    name: 'show sess',
    workers: 'gather',
    usage: 'show sess [id]',
    summary: 'report the list of current sessions or dump this exact session',
    level: 'operator',
    run: ({ host, word }) => {
      const which = word(0);
      if (which === '') return data(Array.from(host.sessions(), line).join(''));
      if (which === 'all') return data(Array.from(host.sessions(), details).join(''));
      const session = find(host, which);
      return session ? data(details(session)) : data('Session not found.\n');
    },
  },
  {
    name: 'show errors',
    usage: 'show errors [<px>] [request|response]',
    summary: 'report last request and/or response errors for each proxy',
    level: 'operator',
    run: ({ host, word }) => {
      const name = word(0);
      const known = [...host.frontends, ...host.backends].some(
        ({ config }) => config.name === name || String(config.id) === name,
      );
      if (!['', 'request', 'response', '-1'].includes(name) && !known) {
        return failure('No such proxy.');
      }
      return data('Invalid messages are counted (ereq, eresp) and logged, and none is captured.\n');
    },
  },
  {
    name: 'shutdown session',
    workers: 'first',
    usage: 'shutdown session [id]',
    summary: 'kill a specific session',
    level: 'admin',
    run: ({ host, word }) => {
      if (word(0) === '') return failure("Session pointer expected (use 'show sess').");
      const session = find(host, word(0));
      if (!session) return failure("No such session (use 'show sess').");
      session.sever('K');
      return NOTHING;
    },
  },
  {
    name: 'shutdown sessions server',
    workers: 'each-now',
    usage: 'shutdown sessions server <bk>/<srv>',
    summary: 'kill sessions on a server',
    level: 'admin',
    run: ({ host, word }) => {
      const server = serverOf(host, word(0));
      if (isReply(server)) return server;
      endSessions(host, (facts) => facts.server?.current === server);
      return NOTHING;
    },
  },
];

/** Ends the sessions that match; returns how many. */
export function endSessions(
  host: RuntimeHost,
  matches: (facts: LiveSession['facts']) => boolean,
): number {
  const found = [...host.sessions()].filter(({ facts }) => matches(facts));
  for (const session of found) session.sever('K');
  return found.length;
}
