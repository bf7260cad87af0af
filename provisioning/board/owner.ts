import { existsSync, rmSync, symlinkSync } from 'node:fs';
import { putChanged, readText } from './files.ts';
import { type Ground, within } from './ground.ts';
import type { Owner, UserData } from './user-data.ts';
import { supplicantConf, supplicantFile, WIFI, type Wireless } from './wireless.ts';

/** Does what user-data asks for, but the host name. Resolves to what came of it, in words. */
export function applyUserData(ground: Ground, { timezone, owners, notes }: UserData): string[] {
  const said = [...notes];
  if (timezone !== undefined) said.push(...setTimezone(ground, timezone));
  for (const owner of owners) said.push(...setOwner(ground, owner));
  return said;
}

function setTimezone(ground: Ground, zone: string): string[] {
  if (!existsSync(within(ground, `usr/share/zoneinfo/${zone}`))) {
    return [`There is no time zone ${zone}.`];
  }
  const link = within(ground, 'etc/localtime');
  rmSync(link, { force: true });
  symlinkSync(`/usr/share/zoneinfo/${zone}`, link);
  putChanged(within(ground, 'etc/timezone'), `${zone}\n`);
  return [`Time zone: ${zone}.`];
}

/** A login with its home, its keys and the right to become root. */
function setOwner(ground: Ground, { name, password, keys }: Owner): string[] {
  const said: string[] = [];
  const known = new RegExp(`^${name}:`, 'm').test(readText(within(ground, 'etc/passwd')) ?? '');
  const groups = ['-G', 'sudo,systemd-journal'];
  const made = known
    ? ground.run('usermod', ['-a', ...groups, name])
    : ground.run('useradd', ['-m', '-s', '/bin/bash', ...groups, name]);
  if (!made) return [`The user ${name} could not be made.`];
  if (password !== undefined && !ground.run('chpasswd', ['-e'], `${name}:${password}\n`)) {
    said.push(`The password of ${name} could not be set.`);
  }
  putChanged(
    within(ground, `etc/sudoers.d/bramble-${name}`),
    `# From user-data on the FAT partition.\n${name} ALL=(ALL:ALL) NOPASSWD: ALL\n`,
    0o440,
  );
  if (keys.length > 0) {
    // sshd reads them as the user.
    putChanged(within(ground, `etc/ssh/authorized_keys.d/${name}`), `${keys.join('\n')}\n`);
  }
  const way = keys.length > 0 ? 'by SSH with a key' : 'at the console';
  return [...said, `The user ${name} can log in ${way}.`];
}

/** Has the wireless card join the networks, now and at every later start. */
export function applyWireless(ground: Ground, wireless: Wireless): string[] {
  if (wireless.accessPoints.length === 0) return [...wireless.notes];
  putChanged(within(ground, supplicantFile(WIFI)), supplicantConf(wireless), 0o600);
  const unit = `wpa_supplicant@${WIFI}.service`;
  ground.run('systemctl', ['--no-block', 'enable', '--now', unit]);
  const names = wireless.accessPoints.map(({ ssid }) => JSON.stringify(ssid)).join(', ');
  return [...wireless.notes, `Wi-Fi: joins ${names}.`];
}
