import { describe, expect, test } from 'vitest';
import type { BridgeStatus } from '#core/contracts/bridge.ts';
import { type BridgeView, bridgeOf } from '../../../services/stats/model/bridge.ts';
import { BridgeMemory } from '../../../services/stats/model/bridge-rates.ts';
import { changesBetween } from '../../../services/stats/model/changes.ts';
import { assess } from '../../../services/stats/model/problems.ts';
import type { ClusterSnapshot } from '../../../services/stats/model/snapshot.ts';
import type { Sourced } from '../../../services/stats/model/sourced.ts';
import { renderBody } from '../../../services/stats/page/page.ts';
import { bridgeStatus, toKafkaRow, toMqttRow } from '../../support/stats-peers.ts';
import { fresh, node, snapshot, stale } from './snapshots.ts';

const view = (status: Sourced<BridgeStatus>, rates: BridgeView['rates'] = {}): BridgeView => ({
  status,
  rates,
});
/** A cluster with a bridge on each of the first nodes. */
function cluster(...bridges: BridgeView[]): ClusterSnapshot {
  const nodes = bridges.map((bridge, index) => node(`pi${index + 1}`, { bridge }));
  return snapshot({ nodes, bridge: bridgeOf(nodes)! });
}
const elsewhere = bridgeStatus({
  node: 'pi2',
  toKafka: [toKafkaRow({ state: 'elsewhere', delivered: 20, retries: 3 })],
  toMqtt: [toMqttRow({ assigned: { commands: [2] }, lag: 7, published: 100 })],
});
const away = { asked: true, reachable: false, brokers: 0, reason: 'connection refused' };
const lag = { messages: 5_210, bytes: 3 << 20, seconds: 95, retention: 0.004 };
const buffering = bridgeStatus({
  kafka: away,
  toKafka: [toKafkaRow({ state: 'buffering', problem: 'connection refused', lag })],
});
const told = (state: ClusterSnapshot) =>
  assess(state, undefined).problems.map(
    ({ level, subject, text }) => `${level}: ${subject} ${text}`,
  );
const happened = (before: ClusterSnapshot, now: ClusterSnapshot) =>
  changesBetween(before, now).map(({ level, subject, text }) => `${level}: ${subject} ${text}`);
const panel = (state: ClusterSnapshot) =>
  (renderBody(state).live.all().bridge ?? '')
    .replace(/<[^>]+>/g, ' ')
    .replaceAll('&lt;', '<')
    .replace(/[\s\u00a0\u202f]+/g, ' ')
    .trim();

describe('the bridges as one', () => {
  test('a mapping is told by the bridge that has it; counts are of all bridges', () => {
    const { bridge } = cluster(view(fresh(bridgeStatus())), view(fresh(elsewhere)));
    expect(bridge?.kafka).toEqual({ state: 'reachable', brokers: 3 });
    expect(bridge?.toKafka).toMatchObject([
      { name: 'everything', state: 'carrying', owner: 'pi1', delivered: 480_020, retries: 3 },
    ]);
    expect(bridge?.toMqtt).toMatchObject([
      { owners: ['pi1', 'pi2'], partitions: 3, lag: 7, published: 1_300 },
    ]);
  });

  test('the bridge that had it is silent: it moves; no bridge answers: nothing is known', () => {
    const moving = cluster(view(stale(bridgeStatus())), view(fresh(elsewhere)));
    expect(moving.bridge?.toKafka).toMatchObject([{ state: 'moving', owner: 'pi1' }]);
    expect(moving.bridge?.toKafka[0]?.lag).toBeUndefined();
    const dark = cluster(view(stale(bridgeStatus())), view(stale(elsewhere)));
    expect(dark.bridge?.toKafka).toMatchObject([{ state: 'unknown', owner: '' }]);
    expect(dark.bridge?.kafka.state).toBe('unknown');
    expect(panel(dark)).not.toMatch(/Out\/s.* 0 0 0 B/);
  });

  test('Kafka counts as away only when a bridge has asked and none reaches it', () => {
    const starting = bridgeStatus({ kafka: { asked: false, reachable: false, brokers: 0 } });
    expect(cluster(view(fresh(starting))).bridge?.kafka.state).toBe('unknown');
    const part = cluster(view(fresh(bridgeStatus())), view(fresh(buffering)));
    expect(part.bridge?.kafka).toEqual({
      state: 'part',
      brokers: 3,
      reason: 'connection refused',
    });
  });

  test('rates come from two answers of one run, and of a mapping that goes there are none', () => {
    const memory = new BridgeMemory();
    const at = (delivered: number, pid = 1) =>
      fresh(bridgeStatus({ pid, toKafka: [toKafkaRow({ delivered, bytes: delivered * 10 })] }));
    expect(memory.view(at(100), 1_000).rates).toEqual({});
    expect(memory.view(at(300), 2_000).rates['toKafka everything']).toEqual({
      records: 200,
      bytes: 2_000,
    });
    expect(memory.view(at(5, 2), 3_000).rates['toKafka everything']).toBeUndefined();
    const gone = fresh(bridgeStatus({ pid: 2, toKafka: [] }));
    expect(Object.keys(memory.view(gone, 4_000).rates)).toEqual(['toMqtt commands']);
  });
});

describe('what is wrong', () => {
  test('all well is nothing', () => {
    expect(told(cluster(view(fresh(bridgeStatus())), view(fresh(elsewhere))))).toEqual([]);
  });

  test('Kafka away is one problem, a warning, and says that nothing is lost', () => {
    expect(told(cluster(view(fresh(buffering))))).toEqual([
      'warning: Kafka is away, the log keeps what comes (connection refused)',
    ]);
  });

  test('much of what the log keeps waits: said for each mapping', () => {
    const row = toKafkaRow({ state: 'buffering', lag: { ...lag, retention: 0.62 } });
    const state = cluster(view(fresh({ ...buffering, toKafka: [row] })));
    expect(told(state)).toContain(
      'warning: mapping everything 62 % of what the log keeps waits for Kafka',
    );
  });

  test('a topic that is missing, a bridge that is silent, one that is not ready', () => {
    const row = toKafkaRow({ state: 'buffering', problem: 'up: no such topic' });
    expect(told(cluster(view(fresh(bridgeStatus({ toKafka: [row] })))))).toEqual([
      'warning: mapping everything waits in the log: up: no such topic',
    ]);
    expect(told(cluster(view(stale(bridgeStatus())), view(fresh(elsewhere))))).toEqual([
      'warning: pi1 bridge does not answer: connection refused',
      'warning: mapping everything is with no bridge that answers',
    ]);
    const unready = bridgeStatus({ ready: false, reasons: ['no nats-server'] });
    expect(told(cluster(view(fresh(unready))))).toEqual([
      'warning: pi1 bridge is not ready: no nats-server',
    ]);
  });
});

test('Kafka going and coming, and a mapping that changes hands, are events', () => {
  const well = cluster(view(fresh(bridgeStatus())));
  const gone = cluster(view(fresh(buffering)));
  expect(happened(well, gone)).toEqual(['warning: Kafka is away: connection refused']);
  expect(happened(gone, well)).toEqual(['info: Kafka answers again']);
  const taken = bridgeStatus({ toKafka: [toKafkaRow({ owner: 'pi2#77' })] });
  expect(happened(well, cluster(view(fresh(taken))))).toEqual([
    'info: mapping everything goes over from pi1 to pi2',
  ]);
  const other = bridgeStatus({ pid: 9 });
  expect(happened(well, cluster(view(fresh(other))))).toEqual([
    'warning: pi1 bridge restarted: process 1401 is now 9',
  ]);
});

describe('the panel', () => {
  test('is not there without a bridge', () => {
    expect(renderBody(snapshot()).live.all().bridge).toBeUndefined();
    expect(renderBody(snapshot()).body.text).not.toContain('Kafka');
  });

  test('says what goes where, how fast, and how far it is behind', () => {
    const rates = { 'toKafka everything': { records: 512.4, bytes: 61_000 } };
    const status = bridgeStatus({
      toKafka: [toKafkaRow({ lag, deadLetters: 4, dropped: 11, refused: 1 })],
    });
    const seen = panel(cluster(view(fresh(status), rates), view(fresh(elsewhere))));
    expect(seen).toContain('Kafka answers 3 nodes pi1 ready pi2 ready');
    expect(seen).toContain('everything carrying pi1 512 5 210 3 MiB 1 min 35 s <1 % 3 4 11 1');
    expect(seen).toContain('commands reading pi1, pi2 – 3 7 0 0');
  });

  test('with Kafka away it buffers, and nothing is called broken', () => {
    const state = cluster(view(fresh(buffering)));
    const seen = panel(state);
    expect(seen).toContain('Kafka away, buffering connection refused');
    expect(seen).toContain('everything buffering pi1');
    expect(renderBody(state).live.all().bridge).not.toContain('badge bad');
  });

  test('names from outside stay text', () => {
    const name = '<script>x</script>';
    const status = bridgeStatus({ toKafka: [toKafkaRow({ name, problem: '"><i>x' })] });
    const markup = renderBody(cluster(view(fresh(status)))).live.all().bridge;
    expect(markup).not.toContain('<script>');
    expect(markup).not.toContain('"><i>');
  });
});
