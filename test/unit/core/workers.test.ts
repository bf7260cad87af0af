import { expect, test } from 'vitest';
import { brokerConfigSchema } from '#core/contracts/service-config.ts';
import { nodeOfWorker, workerConfig, workerName, workersOf } from '#core/contracts/workers.ts';

const listen = { host: '127.0.0.1', port: 1 };
const config = brokerConfigSchema.parse({
  node: 'pi1',
  cluster: 'cluster.yaml',
  listen: { mqtt: listen, health: { ...listen, port: 2 } },
  workerHealth: [3, 4],
});

test('workers have names of their own, and belong to their node', () => {
  expect([1, 2, 3].map((worker) => workerName('pi1', worker))).toEqual(['pi1', 'pi1.2', 'pi1.3']);
  expect(['pi1', 'pi1.2', 'pi12.3'].map(nodeOfWorker)).toEqual(['pi1', 'pi1', 'pi12']);
});

test('each worker has the same listeners and its own health port', () => {
  expect(workersOf(config)).toBe(3);
  expect([1, 2, 3].map((worker) => workerConfig(config, worker).listen.health.port)).toEqual([
    2, 3, 4,
  ]);
  expect(workerConfig(config, 3).listen.mqtt).toEqual(config.listen.mqtt);
  expect(workerConfig(config, 1).workerHealth).toEqual([3, 4]);
  expect(workerConfig(config, 2).workerHealth).toEqual([]);
  const { workerHealth, ...alone } = config;
  expect(workerHealth).toHaveLength(2);
  expect(workersOf(alone)).toBe(1);
});
