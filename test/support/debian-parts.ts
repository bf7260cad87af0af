import { fileURLToPath } from 'node:url';
import { findProgram } from '../../provisioning/dev/find-program.ts';
import { findNats, type NatsProgram } from '../../provisioning/dev/nats-program.ts';

/** Where test/tools/debian-parts.sh unpacks packages of Debian 13. */
const CACHE = fileURLToPath(new URL('../../.cache/debian-13', import.meta.url));

/** An installed program, or that of Debian 13's package; undefined where neither is here. */
export function debianProgram(name: string, part = name): string | undefined {
  return findProgram(name) ?? unpacked(name, part);
}

/** The nats-server of Debian 13 where the installed one is older; else the installed one. */
export async function newestNats(): Promise<NatsProgram> {
  const installed = await findNats();
  if (installed.syncInterval || unpacked('nats-server', 'nats-server') === undefined)
    return installed;
  return findNats((name) => unpacked(name, name));
}

function unpacked(name: string, part: string): string | undefined {
  return ['bin', 'sbin']
    .map((directory) => findIn(`${CACHE}/${part}/usr/${directory}`, name))
    .find((found) => found !== undefined);
}

/** As findProgram, in one directory alone. */
function findIn(directory: string, name: string): string | undefined {
  const found = findProgram(name, directory);
  return found?.startsWith(directory) ? found : undefined;
}
