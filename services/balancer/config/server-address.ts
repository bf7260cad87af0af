import { isIP } from 'node:net';
import type { Position, ServerConfig } from '../model.ts';
import { NOWHERE } from '../resolvers/config.ts';
import type { IpFamily } from './host-names.ts';
import { type Context, suggestion } from './keyword.ts';
import type { ResolutionSettings } from './keywords/server-resolution.ts';

const DEFAULT_METHODS = ['last', 'libc'];

/**
 * Finds the first address of a server with a name, as its `init-addr` says, and settles who keeps
 * it up to date (HAProxy 2.6 manual, section 5.3).
 */
export function resolveServer(
  server: ServerConfig,
  settings: ResolutionSettings,
  context: Context,
  about: { family: IpFamily; position: Position; subject: string; proxy: string },
): void {
  const { family, position, subject, proxy } = about;
  const hostname = server.host;
  const service = hostname.startsWith('_');
  // What nobody has an address for waits, unless its line says otherwise.
  const methods = settings.initial ?? (service ? ['none'] : DEFAULT_METHODS);
  const first = methods.find((method) => method !== 'last') ?? 'none';
  const rest = methods.slice(methods.indexOf(first) + 1).find((method) => method !== 'last');
  const asks = settings.resolvers !== undefined;
  const resolve = (): void => {
    const { prefer, networks, duplicates } = settings;
    const resolvers = context.shared.resolvers.get(settings.resolvers ?? '');
    if (!resolvers) return;
    server.resolution = {
      hostname,
      resolvers,
      prefer: family || prefer,
      networks,
      duplicates,
    };
  };
  const use = (address: string): void => {
    server.host = address;
    resolve();
  };
  const wait = (): void => {
    server.host = NOWHERE;
    server.disabled = true;
    resolve();
    if (asks) return;
    const message = `${subject} : could not resolve address '${hostname}', disabling server.`;
    context.problems.warn(position, message);
  };
  if (asks) {
    context.shared.serverResolvers.push(() => {
      const name = settings.resolvers ?? '';
      if (context.shared.resolvers.has(name)) return;
      const hint = suggestion(name, context.shared.resolvers.keys());
      const message = `proxy '${proxy}', server '${server.name}': unable to find required resolvers '${name}'${hint}`;
      context.problems.alert(position, message);
    });
  }
  let fallback = rest === undefined && !asks ? undefined : wait;
  if (rest !== undefined && isIP(rest) > 0) fallback = () => use(rest);
  if (isIP(first) > 0) context.shared.serverResolvers.push(() => use(first));
  else if (first === 'none') context.shared.serverResolvers.push(wait);
  else {
    context.hostNames.add({
      name: hostname,
      family,
      position,
      subject,
      apply: use,
      otherwise: fallback,
    });
  }
}
