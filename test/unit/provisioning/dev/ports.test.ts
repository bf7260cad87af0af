import { once } from 'node:events';
import { createServer } from 'node:net';
import { expect, test } from 'vitest';
import { devPortSpan, devPorts } from '#core/contracts/ports.ts';
import { listenerName } from '../../../../provisioning/dev/port-holder.ts';
import { checkPorts, wantedPorts } from '../../../../provisioning/dev/ports.ts';
import { freePortRange } from '../../../support/ports.ts';

test('every port is wanted once, and lies in the span that is told', () => {
  for (const nodes of [1, 2, 3, 9]) {
    const wanted = wantedPorts(devPorts(nodes, 30_000), true).map(({ port }) => port);
    expect(new Set(wanted).size).toBe(wanted.length);
    expect(Math.max(...wanted)).toBeLessThan(30_000 + devPortSpan(nodes));
    expect(wanted.length).toBe(8 + 6 * nodes - (nodes === 1 ? 1 : 0));
  }
});

test('all that are taken are named at once, with who wants and who holds them', async () => {
  const base = await freePortRange(devPortSpan(1));
  const wanted = wantedPorts(devPorts(1, base), true);
  await checkPorts(wanted, '127.0.0.1', 1);

  const servers = [base, base + 3].map((port) => createServer().listen(port, '127.0.0.1'));
  await Promise.all(servers.map((server) => once(server, 'listening')));
  try {
    const failure = checkPorts(wanted, '127.0.0.1', 1);
    await expect(failure).rejects.toMatchObject({ code: 'BRAMBLE_PORT_IN_USE' });
    await expect(failure).rejects.toThrow(`port 127.0.0.1:${base} (balancer, MQTT) is in use by `);
    await expect(failure).rejects.toThrow(`port 127.0.0.1:${base + 3} (stats, the page)`);
    await expect(failure).rejects.toMatchObject({ hint: expect.stringContaining('--base-port') });
    expect(listenerName(base)).toContain(`(pid ${process.pid})`);
  } finally {
    for (const server of servers) server.close();
  }
});

test('nobody listens on a free port', async () => {
  expect(listenerName(await freePortRange(1))).toBeUndefined();
});
