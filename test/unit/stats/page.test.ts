import { expect, test } from 'vitest';
import type { ClusterSnapshot } from '../../../services/stats/model/snapshot.ts';
import { loadAssets } from '../../../services/stats/page/assets.ts';
import { shellWord } from '../../../services/stats/page/connect.ts';
import { renderBody, renderPage } from '../../../services/stats/page/page.ts';
import { sparkline } from '../../../services/stats/page/sparkline.ts';
import {
  balancerStatus,
  brokerStatus,
  statRow,
  supervisorStatus,
  vitals,
  watchdogStatus,
} from '../../support/stats-peers.ts';
import { fresh, NOW, node, ROWS, snapshot, stale } from './snapshots.ts';

const page = (state: ClusterSnapshot) => renderPage(renderBody(state), 'boot-1', loadAssets());
/** What a reader sees: tags gone, blanks made plain. */
const text = (markup: string) =>
  markup
    .replace(/<svg class="sheet".*?<\/svg>/s, '')
    .replace(/<[^>]+>/g, ' ')
    .replace(/[\s\u00a0\u202f]+/g, ' ');

test('every section is there, with what it is about', () => {
  const seen = text(page(snapshot()));
  for (const words of [
    'Healthy since',
    'Messages in 200 msg/s',
    'Messages out 800 msg/s',
    'Clients 296',
    'pi1 192.168.1.11',
    'Raspberry Pi 5 Model B',
    'CPU 17 % 4 cores',
    'Temperature 51 °C',
    'up 3 d 4 h',
    'Brokers',
    'mqtt FRONTEND',
    'L4OK 1 min 30 s',
    'killed by SIGKILL',
    'mqtt://192.168.1.10:1883',
    'mosquitto_sub -h 192.168.1.10 -p 1883 -u USER -P PASSWORD',
    'warning broker-2 ended',
  ]) {
    expect(seen).toContain(words);
  }
});

test('what falls silent keeps its figures, says since when, and is in no total', () => {
  const broker = {
    status: stale(brokerStatus({ clients: 148 })),
    rates: { messagesIn: 71, messagesOut: 284, bytesIn: 1, bytesOut: 1 },
    history: { messagesIn: [], messagesOut: [] },
  };
  const silent = node('pi1', { broker, vitals: stale(vitals()) });
  const balancers = [{ node: 'pi1', status: stale(balancerStatus(ROWS)) }];
  const body = page(
    snapshot({ nodes: [silent], balancers, supervisor: stale(supervisorStatus([])) }),
  );
  expect(body.match(/stale since (\d\d:\d\d:\d\d|2026-)/g)).toHaveLength(4);
  expect(text(body)).toContain('148 155 412 71 284');
  expect(text(body)).toContain('CPU 17 %');
  expect(text(body)).toContain('Messages in –');
});

test('a peer that has never answered shows no figure at all', () => {
  const pending = { state: 'pending', since: NOW } as const;
  const broker = { status: pending, history: { messagesIn: [], messagesOut: [] } };
  const silent = node('pi1', { vitals: stale(), broker, nats: pending });
  const rendering = renderBody(snapshot({ nodes: [silent], balancers: [], events: [] }));
  const brokers = rendering.live.all().brokers ?? '';
  expect(brokers.match(/>0</g)).toBeNull();
  expect(text(brokers)).toContain('waiting');
  expect(text(rendering.live.all().nodes ?? '')).not.toMatch(/\d+ %/);
  expect(text(rendering.live.all().timeline ?? '')).toContain('Nothing has happened yet');
});

test('part of the brokers makes a total that says so', () => {
  const broker = { status: stale(brokerStatus()), history: { messagesIn: [], messagesOut: [] } };
  const seen = text(page(snapshot({ nodes: [node('pi1'), node('pi2', { broker })] })));
  expect(seen).toContain('Clients 148 1 of 2 brokers');
});

test('names from the network and from files cannot become markup', () => {
  const evil = `"'><script>alert(1)</script><img src=x onerror=alert(2)>`;
  const hostile = node(evil, {
    address: evil,
    roles: [evil],
    vitals: fresh(vitals({ hostname: evil, model: evil, os: evil, kernel: evil, arch: evil })),
    broker: {
      status: fresh(brokerStatus({ node: evil, ready: false, reasons: [evil] })),
      history: { messagesIn: [1, 2], messagesOut: [1, 2] },
    },
    nats: { state: 'stale', staleSince: NOW, reason: evil },
    cpuHistory: [1, 2],
  });
  const rows = [
    statRow(evil, evil, { status: evil, check_status: evil, check_desc: evil, scur: evil }),
  ];
  const process = { name: evil, node: evil, state: 'backoff' as const, restarts: 1 };
  const body = page(
    snapshot({
      cluster: evil,
      connect: { host: evil, port: 1883, credentials: true },
      nodes: [hostile],
      balancers: [
        { node: evil, status: fresh(balancerStatus(rows, { ready: false, reasons: [evil] })) },
      ],
      supervisor: fresh(supervisorStatus([{ ...process, lastExit: { at: NOW, reason: evil } }])),
      events: [{ id: 1, at: NOW, level: 'critical', subject: evil, text: evil }],
      health: {
        state: 'degraded',
        since: NOW,
        problems: [{ key: evil, level: 'warning', subject: evil, text: evil, since: NOW }],
      },
    }),
  );
  expect(body.match(/alert\(1\)/g)!.length).toBeGreaterThan(20);
  expect(body.match(/<script[^>]*>/g)).toEqual([
    `<script type="module" src="${loadAssets().js.path}">`,
  ]);
  expect(body).not.toContain('<img src=x');
  expect(body).not.toMatch(/\son\w+=(?!alert\(2\)&gt;)/);
});

test('no inline style or script, which the policy would refuse', () => {
  const body = page(snapshot());
  expect(body).not.toMatch(/\sstyle=/);
  expect(body).not.toMatch(/<style|javascript:/);
  expect(body).not.toMatch(/(src|href)="https?:/);
});

test('ids are unique', () => {
  const ids = [...page(snapshot()).matchAll(/\sid="([^"]+)"/g)].map(([, id]) => id);
  expect(new Set(ids).size).toBe(ids.length);
  expect(ids.length).toBeGreaterThan(100);
});

test('rendering the same snapshot twice differs in nothing; a number differs in its cells', () => {
  const before = renderBody(snapshot()).live;
  expect(renderBody(snapshot()).live.since(before)).toEqual({});
  const rows = ROWS.map((row) => (row.svname === 'pi1' ? { ...row, scur: 6 } : row));
  const balancers = [{ node: 'pi1', status: fresh(balancerStatus(rows)) }];
  expect(Object.values(renderBody(snapshot({ balancers })).live.since(before))).toEqual([
    expect.stringContaining('>6</td>'),
  ]);
});

test('a host is one word of the command line', () => {
  expect(shellWord('pi1.local')).toBe('pi1.local');
  expect(shellWord('fe80::1')).toBe('fe80::1');
  expect(shellWord("x'; rm -rf ~")).toBe(`'x'\\''; rm -rf ~'`);
});

test('a sparkline has gaps where nothing is known, and says its range in words', () => {
  const options = { label: 'CPU', slots: 60, format: (value: number) => `${value} %` };
  const drawn = sparkline([10, 20, null, 40, 30], options)?.text ?? '';
  expect(drawn).toContain('aria-label="CPU, last 5 minutes: 10 % to 40 %"');
  expect(drawn.match(/ d="[^"]*M[^"]*M/)).not.toBeNull();
  expect(sparkline([null, 5, null], options)).toBeUndefined();
  expect(sparkline([0, 0], options)?.text).not.toContain('NaN');
});

test('a node says what its watchdog may do, or has done without success yet', () => {
  const seen = (services: ReturnType<typeof watchdogStatus>['services']) => {
    const watchdog = fresh(watchdogStatus({ services, rebootsLeft: 1 }));
    return text(page(snapshot({ nodes: [node('pi1', { watchdog })] })));
  };
  const broker = { name: 'broker', since: NOW, reason: '' };
  expect(seen([{ ...broker, state: 'up' }])).toContain('watchdog reboots left: 1');
  expect(seen([{ ...broker, state: 'up', rung: 'drain-restart' }])).toContain(
    'watchdog broker: drain-restart',
  );
});
