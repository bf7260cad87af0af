import type { Backend } from '../servers/backend.ts';
import type { Server } from '../servers/server.ts';
import type { RuntimeHost } from './host.ts';
import { failure, type Reply } from './reply.ts';

/** `<backend>/<server>`, either by name or by `#id`; a reply says what is wrong. */
export function serverOf(host: RuntimeHost, text: string): Server | Reply {
  const slash = text.indexOf('/');
  if (slash < 0 || text === '') return failure("Require 'backend/server'.");
  const backend = backendOf(host, text.slice(0, slash));
  if (!backend) return failure('No such backend.');
  const name = text.slice(slash + 1);
  const server = backend.servers.find(({ config }) =>
    name.startsWith('#') ? `#${config.id}` === name : config.name === name,
  );
  return server ?? failure('No such server.');
}

export const backendOf = (host: RuntimeHost, name: string): Backend | undefined =>
  host.backends.find(({ config }) =>
    name.startsWith('#') ? `#${config.id}` === name : config.name === name,
  );

export const isReply = (found: object): found is Reply => 'text' in found;
