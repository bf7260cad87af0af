import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseUserData } from '../../../../provisioning/board/user-data.ts';
import { parseNetworkConfig, supplicantConf } from '../../../../provisioning/board/wireless.ts';

/** As Raspberry Pi Imager writes it. */
const USER_DATA = `#cloud-config
manage_resolv_conf: false

hostname: Attic-Pi
manage_etc_hosts: true
packages:
- avahi-daemon
apt:
  conf: |
    Acquire { Check-Date "false"; };
timezone: Europe/Berlin
keyboard:
  model: pc105
  layout: "de"
users:
- name: jane
  groups: users,adm,sudo
  shell: /bin/bash
  lock_passwd: false
  passwd: "$5$saltsalt$0123456789abcdefghijklmnopqrstuvwxyzABCDEFG"
  ssh_authorized_keys:
    - ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHVuY2hlY2tlZA jane@desk
  sudo: ALL=(ALL) NOPASSWD:ALL
enable_ssh: true
ssh_pwauth: false
`;

const NETWORK = `network:
  version: 2
  wifis:
    renderer: networkd
    wlan0:
      dhcp4: true
      regulatory-domain: "DE"
      access-points:
        "Café \\"5\\"":
          password: "correct horse"
        open: {}
        hidden:
          hidden: true
          password: "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
      optional: true
`;

describe('user-data', () => {
  test('what Raspberry Pi Imager asks for', () => {
    const { hostname, timezone, owners, notes } = parseUserData(USER_DATA);
    expect(notes).toEqual([]);
    expect(hostname).toBe('attic-pi');
    expect(timezone).toBe('Europe/Berlin');
    expect(owners).toEqual([
      {
        name: 'jane',
        password: '$5$saltsalt$0123456789abcdefghijklmnopqrstuvwxyzABCDEFG',
        keys: ['ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHVuY2hlY2tlZA jane@desk'],
      },
    ]);
  });

  test.each([
    ['', {}],
    ['#cloud-config\n', {}],
    ['hostname: "a b"\n', { notes: ['user-data: the hostname cannot be used.'] }],
    ['timezone: ../../etc/shadow\n', { timezone: undefined }],
    ['users:\n- name: root\n- name: "x; reboot"\n- name: bramble-broker\n', { owners: [] }],
    ['users: default\n', { owners: [], notes: [] }],
    [
      'ssh_authorized_keys: [ssh-ed25519 AAAA me]\n',
      { owners: [expect.objectContaining({ name: 'admin' })] },
    ],
  ])('%j', (text, expected) => {
    expect(parseUserData(text)).toMatchObject(expected);
  });

  test('a line that would be a second key, or a command, is not one', () => {
    const keys = [
      'ssh-ed25519 AAAA a\\nssh-rsa BBBB b',
      'command=\\"sh\\" ssh-rsa AAAA',
      'ssh-dss AAAA',
    ];
    for (const key of keys) {
      const { owners, notes } = parseUserData(
        `users: [{ name: jane, ssh_authorized_keys: ["${key}"] }]`,
      );
      expect(owners[0]?.keys, key).toEqual([]);
      expect(notes).toHaveLength(1);
    }
  });

  test('a file that is broken is told, and never thrown', () => {
    expect(parseUserData('users: [\n').notes[0]).toMatch(/^user-data: .* at line \d+, column \d+/);
    const bomb = `a: &a [x,x,x,x,x,x,x,x,x]\n${'bcdefghij'
      .split('')
      .map(
        (letter, at) => `${letter}: &${letter} [${'*'.concat('abcdefghij'[at]!, ',').repeat(9)}]\n`,
      )
      .join('')}`;
    expect(parseUserData(bomb).notes).toHaveLength(1);
    expect(parseUserData('x'.repeat(1 << 20)).notes).toHaveLength(1);
  });
});

describe('network-config', () => {
  test('what Raspberry Pi Imager asks for', () => {
    const wireless = parseNetworkConfig(NETWORK);
    expect(wireless.notes).toEqual([]);
    expect(wireless.country).toBe('DE');
    expect(wireless.accessPoints.map(({ ssid }) => ssid)).toEqual(['Café "5"', 'open', 'hidden']);
    const text = supplicantConf(wireless);
    expect(text).toContain('country=DE\n');
    expect(text).toContain(`ssid=${Buffer.from('Café "5"').toString('hex')}\n`);
    expect(text).toContain('key_mgmt=NONE');
    expect(text).not.toContain('correct horse');
  });

  test("a key is what wpa_passphrase(8) makes of the same words (IEEE 802.11's own example)", () => {
    const { accessPoints } = parseNetworkConfig(
      'wifis: { wlan0: { access-points: { IEEE: { password: password } } } }',
    );
    expect(accessPoints[0]?.psk).toBe(
      'f42c6fc52df0ebef9ebb4b90b38a5f902e83fe1b135a70e23aed762e9710a12e',
    );
  });

  test.each([
    ['wifis: { wlan0: { access-points: { a: { password: short } } } }', 'has 8 to 63'],
    [`wifis: { wlan0: { access-points: { ${'é'.repeat(17)}: {} } } }`, '1 to 32 bytes, not 34'],
    ['wifis: { wlan0: { regulatory-domain: germany } }', "no country's code"],
    ['wifis: [', 'network-config: '],
  ])('%s', (text, note) => {
    const wireless = parseNetworkConfig(text);
    expect(wireless.notes.join()).toContain(note);
    expect(wireless.accessPoints).toEqual([]);
  });
});

test('nothing that anybody writes there throws, or reaches a file as more than it is', () => {
  const text = fc.oneof(
    fc.string({ maxLength: 200 }),
    fc.json().map((json) => `users: ${json}\nhostname: ${json}\nwifis: { wlan0: ${json} }`),
    fc
      .tuple(fc.nat(USER_DATA.length), fc.string({ maxLength: 3 }))
      .map(([at, more]) => USER_DATA.slice(0, at) + more + USER_DATA.slice(at + 1)),
  );
  fc.assert(
    fc.property(text, (given) => {
      for (const { name, keys, password } of parseUserData(given).owners) {
        expect(name).toMatch(/^[a-z_][a-z0-9_-]*$/);
        expect([...keys, password ?? ''].join('')).not.toMatch(/[\r\n]/);
      }
      const lines = supplicantConf(parseNetworkConfig(given)).split('\n');
      for (const line of lines)
        expect(line).toMatch(
          /^(#.*|ctrl_interface=.*|country=[A-Z]{2}|network=\{|\}|| {2}(ssid=[0-9a-f]+|psk=[0-9a-f]{64}|scan_ssid=[01]|key_mgmt=[A-Z0-9 -]+|ieee80211w=1))$/,
        );
    }),
    { numRuns: 300 },
  );
});
