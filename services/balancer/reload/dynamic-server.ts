import { loadTexts } from '../config/load.ts';
import { BalancerConfigError } from '../config/problem.ts';
import type { ServerConfig } from '../model.ts';
import type { Backend } from '../servers/backend.ts';

/** Text in the configuration's language that reads as this word, whatever is in it. */
const quoted = (word: string): string => `'${word.replaceAll("'", "'\\''")}'`;

/**
 * Reads the words of a `server` line for a backend that runs; a text says what is wrong. Like
 * HAProxy's dynamic servers it takes nothing over from `default-server`.
 */
export async function dynamicServer(
  backend: Backend,
  name: string,
  words: readonly string[],
): Promise<ServerConfig | string> {
  const { mode } = backend.config;
  const line = [name, ...words].map(quoted).join(' ');
  const text = `backend dynamic\n mode ${mode}\n timeout connect 1s\n timeout server 1s\n server ${line}\n`;
  try {
    const { config } = await loadTexts([{ name: 'cli', text }], {
      overrides: { defaultMaxconn: 1, logTag: '' },
    });
    const server = config.proxies[0]?.servers[0];
    if (!server) return 'no server was made of it';
    const chosen = words.includes('id');
    return { ...server, id: chosen ? server.id : freeId(backend) };
  } catch (error) {
    if (!(error instanceof BalancerConfigError)) throw error;
    const [first] = error.problems.filter(({ severity }) => severity === 'alert');
    return (first?.message ?? error.message).replace(/^'server [^']*' : /, '');
  }
}

function freeId(backend: Backend): number {
  const taken = new Set(backend.servers.map(({ config }) => config.id));
  let id = 1;
  while (taken.has(id)) id += 1;
  return id;
}
