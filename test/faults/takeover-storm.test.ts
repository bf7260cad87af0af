import { afterEach, expect, test } from 'vitest';
import { ClusterLab } from '../support/cluster-lab.ts';
import { Wire } from '../support/faults/wire.ts';
import { LONG } from './duration.ts';
import { report } from './report.ts';
import { until } from './wait.ts';

const CONNECTS = 50;
const ROUNDS = LONG ? 50 : 5;

let lab: ClusterLab | undefined;
let wires: Wire[] = [];
afterEach(async () => {
  for (const wire of wires) wire.cut();
  wires = [];
  await lab?.stop();
});

test(`${CONNECTS} connects of one client id at once over three nodes: exactly one stays`, async (context) => {
  lab = await ClusterLab.start();
  const { nodes } = lab;
  const left: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    const options = {
      clientId: `storm-${round % 2}`,
      version: round % 2 === 0 ? 5 : 4,
      clean: round % 3 === 0,
      expiry: 300,
    } as const;
    const before = wires.filter((wire) => wire.open && wire.endpoint !== undefined);
    for (const wire of before) wire.cut();
    let ended = 0;
    let subscribed = 0;
    wires = Array.from({ length: CONNECTS }, (_, i) => {
      return new Wire(nodes[i % nodes.length]!, options, {
        onClose: () => ended++,
        onPacket: ({ cmd }) => {
          if (cmd === 'suback') subscribed++;
        },
      });
    });
    await until('all but one have ended', () => ended >= CONNECTS - 1, 15_000).catch(() => {});
    // One too few would end it, too: look for a while whether the last one stays.
    await new Promise((resolve) => setTimeout(resolve, 1_000));
    const open = wires.filter((wire) => wire.open);
    left.push(open.length);
    const subscriptions = [{ topic: 'storm/x', qos: 1 }];
    open[0]?.send({ cmd: 'subscribe', messageId: 1, subscriptions });
    if (open.length === 1) await until('the survivor is served', () => subscribed === 1);
    const statuses = await Promise.all(nodes.map((node) => node.status()));
    const clients = statuses.reduce((sum, { clients }) => sum + clients, 0);
    expect(clients, 'clients as the nodes count them').toBe(open.length);
  }
  report(context, { note: `rounds ${ROUNDS}, connections left: ${left.join(' ')}` });
  expect(left).toEqual(left.map(() => 1));
});
