import { expect, test } from 'vitest';
import { changesBetween } from '../../../services/stats/model/changes.ts';
import { assess } from '../../../services/stats/model/problems.ts';
import type { NodeView } from '../../../services/stats/model/snapshot.ts';
import { VirtualAddresses } from '../../../services/stats/model/virtual-addresses.ts';
import { renderBody } from '../../../services/stats/page/page.ts';
import { vipStatus } from '../../support/stats-peers.ts';
import { fresh, NOW, node, snapshot, stale } from './snapshots.ts';

const VIP = '192.168.1.10';
const has = (name: string, ...owned: string[]): NodeView =>
  node(name, {
    vip: fresh(
      vipStatus({
        node: name,
        owned,
        held: owned.map((address) => ({ address, since: NOW - 1_000 })),
      }),
    ),
  });
const follow = () => {
  const addresses = new VirtualAddresses();
  return (nodes: NodeView[], at: number) => addresses.view([VIP], nodes, at)[0]!;
};

test('who has it, and since when by that node itself', () => {
  const view = follow();
  expect(view([has('pi1'), has('pi2', VIP)], NOW)).toEqual({
    address: VIP,
    owners: [{ node: 'pi2', since: NOW - 1_000 }],
    last: 'pi2',
  });
  const old = node('pi1', { vip: fresh(vipStatus({ owned: [VIP], since: NOW - 7 })) });
  expect(view([old], NOW).owners).toEqual([{ node: 'pi1', since: NOW - 7 }]);
});

test('a node that is silent has nothing, and one that is not asked nothing to say', () => {
  const view = follow();
  const silent = node('pi1', { vip: stale(vipStatus({ owned: [VIP] })) });
  expect(view([silent, has('pi2')], NOW)).toMatchObject({ owners: [], amissSince: NOW });
  expect(new VirtualAddresses().view([VIP], [node('pi1')], NOW)).toEqual([]);
  const pending = node('pi1', { vip: { state: 'pending', since: NOW } });
  expect(follow()([pending, has('pi2')], NOW)).toEqual({ address: VIP, owners: [] });
});

test('that it moves is an event, also where nobody had it for a moment', () => {
  const view = follow();
  const at = (nodes: NodeView[]) => snapshot({ nodes, addresses: [view(nodes, NOW)] });
  const states = [
    at([has('pi1', VIP), has('pi2')]),
    at([has('pi1'), has('pi2')]),
    at([has('pi1'), has('pi2', VIP)]),
    at([has('pi1'), has('pi2', VIP)]),
  ];
  const events = states.slice(1).flatMap((now, index) => changesBetween(states[index]!, now));
  expect(events.map(({ level, subject, text }) => `${level} ${subject} ${text}`)).toEqual([
    `warning ${VIP} is at pi2 now, and was at pi1`,
  ]);
});

test('without an owner, and with two, it is critical once that lasts', () => {
  for (const [nodes, text] of [
    [[has('pi1'), has('pi2')], 'no node that answers has it'],
    [[has('pi1', VIP), has('pi2', VIP)], 'pi1 and pi2 have it at once'],
  ] as const) {
    const view = follow();
    const later = (ms: number) => {
      const addresses = [view([...nodes], NOW + ms)];
      return assess(snapshot({ nodes: [...nodes], addresses, at: NOW + ms }), undefined);
    };
    expect(later(0).problems).toEqual([]);
    expect(later(4_000).problems).toEqual([]);
    expect(later(6_000)).toMatchObject({
      state: 'critical',
      problems: [{ subject: VIP, text, since: NOW }],
    });
  }
});

test('a balancer that could not take it over is a warning, a drained one is not', () => {
  const faulty = (reasons: string[], roles = ['balancer']) =>
    node('pi2', { roles, vip: fresh(vipStatus({ fault: true, since: NOW - 60_000, reasons })) });
  const told = (one: NodeView): string[] => {
    const nodes = [has('pi1', VIP), one];
    const addresses = [follow()(nodes, NOW)];
    return assess(snapshot({ nodes, addresses }), undefined).problems.map(({ text }) => text);
  };
  expect(told(faulty(['no card']))).toEqual(['must not have virtual addresses: no card']);
  expect(told(faulty(['drained by operator']))).toEqual([]);
  expect(told(faulty(['no card'], ['broker']))).toEqual([]);
});

test('the page says so, and escapes what peers say', () => {
  const nodes = [
    has('pi1', VIP),
    has('pi2'),
    node('pi3', { vip: fresh(vipStatus({ fault: true, reasons: ['<b>'], since: NOW })) }),
  ];
  const addresses = [follow()(nodes, NOW)];
  const text = renderBody(snapshot({ nodes, addresses })).body.text;
  expect(text).toContain(`<code class="address">${VIP}</code> at <b>pi1</b> since `);
  expect(text).toContain(`has <b>${VIP}</b>`);
  expect(text).toContain('VIP <b>backup</b>');
  expect(text).toContain('title="&lt;b&gt;"');
  const nobody = [has('pi1'), has('pi2')];
  const none = snapshot({ nodes: nobody, addresses: [follow()(nobody, NOW)] });
  expect(renderBody(none).body.text).toContain('nobody has it');
});
