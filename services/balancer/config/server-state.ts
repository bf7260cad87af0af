import { readFileSync } from 'node:fs';
import path from 'node:path';
import { systemCode } from '#core/errors.ts';
import { parseStates, type SavedServer } from '../checks/server-state.ts';
import type { ConfigDraft, ProxyDraft } from './draft.ts';
import type { Problems } from './problem.ts';

/** Largest state file that is read, bytes. */
const MAX_FILE = 16 << 20;

/**
 * Reads what `load-server-state-from-file` names. A file that cannot be read is no more than a
 * warning: the servers then start as the configuration has them.
 */
export function loadServerStates(draft: ConfigDraft, problems: Problems): void {
  const { stateBase, stateFile } = draft.global.checks;
  const at = (file: string): string =>
    path.isAbsolute(file) || stateBase === undefined ? file : path.join(stateBase, file);
  const wanted = draft.proxies.filter(({ settings }) => !settings.disabled);
  if (stateFile !== undefined && wanted.some(({ settings }) => settings.stateFrom === 'global')) {
    const states = read(at(stateFile), (why) =>
      problems.warn(
        undefined,
        `config: Can't open global server state file '${at(stateFile)}': ${why}`,
      ),
    );
    for (const proxy of wanted) {
      if (proxy.settings.stateFrom === 'global') proxy.savedServers = ownOf(proxy, states);
    }
  }
  for (const proxy of wanted) {
    if (proxy.settings.stateFrom !== 'local') continue;
    const file = at(proxy.settings.stateFileName ?? proxy.name);
    const states = read(file, (why) =>
      problems.warn(
        undefined,
        `Proxy '${proxy.name}': Can't open server state file '${file}': ${why}.`,
      ),
    );
    proxy.savedServers = ownOf(proxy, states);
  }
}

const ownOf = ({ name }: ProxyDraft, states: readonly SavedServer[]): SavedServer[] =>
  states.filter(({ backend }) => backend === name);

function read(file: string, warn: (why: string) => void): readonly SavedServer[] {
  try {
    const text = readFileSync(file);
    if (text.length > MAX_FILE) {
      warn('File too large');
      return [];
    }
    return parseStates(text.toString('latin1'));
  } catch (error) {
    const code = systemCode(error);
    warn(code === 'ENOENT' ? 'No such file or directory' : (code ?? String(error)));
    return [];
  }
}
