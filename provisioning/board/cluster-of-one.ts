import { randomInt } from 'node:crypto';
import { rmSync } from 'node:fs';
import { hashPassword } from '#core/passwords.ts';
import { put, readText } from './files.ts';
import { type Ground, within } from './ground.ts';
import { CLUSTER, SECRET_MODE } from './take.ts';

/** The first line of a cluster.yaml that nobody wrote. */
const OURS = '# Written at the first start, since there was no cluster.yaml on the card.';
const LOGIN = 'var/lib/bramble/first-login';
/** Without those that are mistaken for one another. */
const LETTERS = 'abcdefghijkmnpqrstuvwxyz23456789';
const USER = 'owner';
const PASSWORD_LENGTH = 16;
const SECRET_LENGTH = 32;

/** A cluster of this node alone, with a login that STATUS.txt tells. */
export async function makeClusterOfOne(ground: Ground, name: string): Promise<void> {
  const login = within(ground, LOGIN);
  const password =
    /^Password: +(\S+)$/m.exec(readText(login) ?? '')?.[1] ?? random(PASSWORD_LENGTH);
  // The login first: a hash whose password nobody knows would be of no use.
  put(login, `MQTT user: ${USER}\nPassword:  ${password}\n`, 0o600);
  const text = `${OURS}
cluster:
  name: ${name}
  secret: ${random(SECRET_LENGTH)}
nodes:
  - name: ${name}
    address: 127.0.0.1
mqtt:
  users:
    - name: ${USER}
      password: ${await hashPassword(password)}
      admin: true
`;
  put(within(ground, CLUSTER), text, SECRET_MODE);
}

/** The login of a cluster of one; one that no longer holds would mislead, so it goes. */
export function firstLogin(ground: Ground): string[] {
  const login = within(ground, LOGIN);
  if (isClusterOfOne(ground)) return (readText(login) ?? '').split('\n').filter(Boolean);
  rmSync(login, { force: true });
  return [];
}

export function isClusterOfOne(ground: Ground): boolean {
  return readText(within(ground, CLUSTER))?.startsWith(OURS) === true;
}

function random(length: number): string {
  return Array.from({ length }, () => LETTERS[randomInt(LETTERS.length)]).join('');
}
