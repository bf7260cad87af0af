import { put, putChanged, readText } from './files.ts';
import { type Ground, within } from './ground.ts';

/** Names the machine, now and at every later start. Whether it has another name than before. */
export function setHostname(ground: Ground, name: string): boolean {
  putChanged(within(ground, 'etc/hostname'), `${name}\n`);
  const hosts = within(ground, 'etc/hosts');
  const before = readText(hosts) ?? '127.0.0.1 localhost\n127.0.1.1 bramble\n';
  const after = before.replace(/^127\.0\.1\.1\s.*$/m, `127.0.1.1 ${name}`);
  if (after !== before) put(hosts, after);
  return ground.hostname !== name && ground.run('hostname', [name]);
}
