import { describe, expect, test } from 'vitest';
import { parseCluster } from '#core/config/cluster.ts';
import { virtualAddresses } from '#core/config/vrrp.ts';
import { ConfigError } from '#core/config/yaml-file.ts';

const NODES = `cluster: { name: home, secret: 0123456789abcdef }
nodes:
  - { name: pi1, address: 192.168.1.11 }
  - { name: pi2, address: 192.168.1.12 }
`;

/** The problems of a text, as `line:column message`. */
function problems(text: string): string[] {
  try {
    parseCluster(NODES + text);
    return [];
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    return error.problems.map((p) => `${p.line}:${p.column} ${p.message}`);
  }
}

describe('virtual addresses', () => {
  test('are none, one, or several, in order', () => {
    const of = (text: string) => virtualAddresses(parseCluster(NODES + text));
    expect(of('')).toEqual([]);
    expect(of('vip: 192.168.1.10')).toEqual(['192.168.1.10']);
    const several = 'vip: 192.168.1.10\nvrrp: { addresses: [192.168.1.9, 192.168.1.8] }';
    expect(of(several)).toEqual(['192.168.1.10', '192.168.1.9', '192.168.1.8']);
  });

  test('move by advertisements of 100 ms, unless the owner says otherwise', () => {
    const of = (text: string) => parseCluster(NODES + text).vrrp;
    expect(of('vip: 192.168.1.10')).toMatchObject({ advert: 100, routerId: 51, virtualMac: false });
    expect(of('vrrp: { advert: 1 s }').advert).toBe(1_000);
  });

  test.each([
    ['vip: 192.168.1.11', '5:6 vip: the VIP must not be the address of a node'],
    ['vip: fd00::1', "5:6 vip: not of the nodes' kind of address, IPv4"],
    [
      'vip: 192.168.1.10\nvrrp: { gateway: 192.168.1.10 }',
      '5:6 vip: the VIP must not be the address of the gateway',
    ],
    [
      'vip: 192.168.1.10\nvrrp: { addresses: [192.168.1.10] }',
      '6:21 vrrp.addresses.0: "192.168.1.10" is there twice',
    ],
    ['vrrp: { addresses: [192.168.1.9] }', '5:20 vrrp.addresses: the first one is missing: vip'],
    [
      'vip: 192.168.1.10\nvrrp: { routerId: 255, addresses: [192.168.1.9] }',
      '6:19 vrrp.routerId: 1 more identifiers go beyond 255',
    ],
    ['vrrp: { advert: 5 ms }', '5:17 vrrp.advert: whole hundredths of a second, 10 ms to 40 s'],
    ['vrrp: { adverts: 100 ms }', '5:9 unknown key "vrrp.adverts"; did you mean "advert"?'],
  ])('refuses %j where it stands', (text, problem) => {
    expect(problems(text)).toEqual([problem]);
  });
});
