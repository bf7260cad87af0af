import { readFileSync } from 'node:fs';

/** The number of a user (`/etc/passwd`) or group (`/etc/group`), undefined when there is none. */
export function accountNumber(
  file: '/etc/passwd' | '/etc/group',
  name: string,
): number | undefined {
  try {
    const line = readFileSync(file, 'utf8')
      .split('\n')
      .find((each) => each.startsWith(`${name}:`));
    const number = Number(line?.split(':')[2]);
    return line === undefined || !Number.isInteger(number) ? undefined : number;
  } catch {
    return undefined;
  }
}
