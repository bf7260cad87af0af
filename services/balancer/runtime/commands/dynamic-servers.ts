import { dynamicServer } from '../../reload/dynamic-server.ts';
import type { Call, CommandTable } from '../command.ts';
import { bareFailure, failure, info, type Reply } from '../reply.ts';
import { backendOf, isReply, serverOf } from '../targets.ts';

/** Servers that come and go while the process runs (management guide, `add server`). */
export const DYNAMIC_SERVER_COMMANDS: CommandTable = [
  {
    name: 'add server',
    workers: 'each',
    usage: 'add server <bk>/<srv>',
    summary: 'create a new server',
    level: 'admin',
    run: addServer,
  },
  {
    name: 'del server',
    workers: 'each',
    usage: 'del server <bk>/<srv>',
    summary: 'remove a dynamically added server',
    level: 'admin',
    run: ({ host, word }) => {
      const server = serverOf(host, word(0));
      if (isReply(server)) return bareFailure(server.text.trimEnd());
      if (server.admin !== 'maint') {
        return bareFailure('Only servers in maintenance mode can be deleted.');
      }
      if (server.tracks > 0) {
        return bareFailure(
          'This server cannot be removed at runtime due to other configuration elements pointing to it.',
        );
      }
      if (server.cur > 0 || server.queue.length > 0) {
        return bareFailure('Server still has connections attached to it, cannot remove it.');
      }
      host.checks.remove(server);
      server.backend.remove(server);
      return { ...info('Server deleted.'), text: 'Server deleted.' };
    },
  },
];

async function addServer({ host, words, word }: Call): Promise<Reply> {
  const [backendName, name] = word(0).split('/');
  if (!backendName || !name) return bareFailure("Require 'backend/server'.");
  const backend = backendOf(host, backendName);
  if (!backend) return bareFailure('No such backend.');
  if (!backend.dynamic) {
    return bareFailure('Backend must use a dynamic load balancing to support dynamic servers.');
  }
  if (backend.servers.some(({ config }) => config.name === name)) {
    return failure('Already exists a server with the same name in backend.');
  }
  const made = await dynamicServer(backend, name, words.slice(1));
  if (typeof made === 'string') return failure(made);
  if (backend.servers.some(({ config }) => config.id === made.id || config.name === name)) {
    return failure('Already exists a server with the same name or id in backend.');
  }
  backend.add(made);
  return info('New server registered.');
}
