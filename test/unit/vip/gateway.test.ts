import { expect, test } from 'vitest';
import { readCards } from '../../../services/vip/cards.ts';
import { defaultRouter, Gateway } from '../../../services/vip/gateway.ts';
import { eventually } from '../../support/broker.ts';

const PATIENCE = 8_000;
const HEADER =
  'Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n';

test('the router is that of the default route', () => {
  const own = 'eth0\t0001A8C0\t00000000\t0001\t0\t0\t100\t00FFFFFF\t0\t0\t0\n';
  const rest = 'eth0\t00000000\t0101A8C0\t0003\t0\t0\t100\t00000000\t0\t0\t0\n';
  expect(defaultRouter(HEADER + own + rest)).toBe('192.168.1.1');
  expect(defaultRouter(HEADER + own)).toBeUndefined();
  expect(defaultRouter('')).toBeUndefined();
});

test('a gateway answers or does not', async () => {
  const [there, away] = [new Gateway('127.0.0.1'), new Gateway('fe80::1%lo')];
  try {
    expect(there.answers(performance.now()), 'nobody knows yet').toBeUndefined();
    await Promise.all([there.start(), away.start()]);
    await eventually('it does', () => there.answers(performance.now()) === true, PATIENCE);
    await eventually('it does not', () => away.answers(performance.now()) === false, PATIENCE);
  } finally {
    await Promise.all([there.close(), away.close()]);
  }
});

test('the network card is the one with the address of the node', () => {
  const of = (address: string) => ({
    ...{ address, netmask: '', mac: '', internal: false, cidr: null },
    family: 'IPv4' as const,
  });
  const cards = { lo: [of('127.0.0.1')], end0: [of('10.0.0.1'), of('10.0.0.9')] };
  expect(readCards('10.0.0.1', ['10.0.0.8', '10.0.0.9'], cards)).toEqual({
    card: 'end0',
    owned: ['10.0.0.9'],
  });
  expect(readCards('10.0.0.2', [], cards)).toEqual({ card: undefined, owned: [] });
});
