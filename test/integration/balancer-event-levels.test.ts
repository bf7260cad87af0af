import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { freePorts } from '../support/ports.ts';
import { askRuntime } from '../support/runtime-socket.ts';
import { eventOf, startEither, type Which } from '../support/side-by-side.ts';
import { echo, Peer } from '../support/tcp-peers.ts';
import { together } from '../support/webs.ts';

const ORDERS = [
  'disable server plain/s',
  'enable server plain/s',
  'set server plain/s state drain',
  'set server plain/s state maint',
  'set server plain/s state ready',
  'set server checked/s health stopping',
  'set server checked/s health down',
  'disable server checked/s',
  'enable server checked/s',
  'set server checked/s state drain',
  'set server checked/s health down',
  'set server checked/s state ready',
  'set server asked/s agent down',
  'set server asked/s agent up',
];

/** What each order makes of the log, as `<priority>text`; there is no frontend but the socket. */
async function run(which: Which): Promise<string[]> {
  const peer = await new Peer('s', echo).start();
  const [runtime = 0] = await freePorts(1);
  const config = `global
 log stdout format short daemon
 stats socket 127.0.0.1:${runtime} level admin
defaults
 mode tcp
 log global
 timeout connect 1s
 timeout server 1s
backend plain
 server s 127.0.0.1:${peer.port}
backend checked
 server s 127.0.0.1:${peer.port} check inter 1h
backend asked
 server s 127.0.0.1:${peer.port} agent-check agent-port ${peer.port} agent-inter 1h
`;
  await using proxy = await startEither(which, { config, ports: [runtime] });
  const seen: string[] = [];
  for (const order of ORDERS) {
    const from = proxy.out.length;
    await askRuntime(runtime, order);
    await sleep(150);
    seen.push(`# ${order}`, ...proxy.out.slice(from).map(eventOf));
  }
  await peer.stop();
  return seen;
}

test('events have the severity that HAProxy gives them', async () => {
  const { haproxy, bramble } = await together(run);
  expect(bramble).toEqual(haproxy);
  expect(haproxy.some((line) => line.startsWith('<1>'))).toBe(true);
  console.log(`${haproxy.length - ORDERS.length} lines compared after ${ORDERS.length} orders`);
});
