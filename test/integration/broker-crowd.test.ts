import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Ports, runScenario } from '../bench/mqtt/run.ts';
import { startBrokers, type TestBrokers } from '../support/broker.ts';

/**
 * QoS 0 may be lost to a subscriber that takes nothing for a quarter of a second, which a busy
 * machine can do to any process; without flow control between the nodes a third and more is lost.
 */
const LOST_MAX = 0.15;

let cluster: TestBrokers;
let ports: Ports;
beforeAll(async () => {
  cluster = await startBrokers({ count: 2 });
  const [first, second] = cluster.brokers;
  ports = { publish: first!.mqttPort, subscribe: second!.mqttPort };
  await runScenario(ports, { qos: 0, subscribers: 1, count: 20_000, rate: 0 });
});
afterAll(() => cluster?.stop());

for (const publishers of [1, 100]) {
  test(`QoS 0 of ${publishers} at full speed to one subscriber on another node arrives`, async () => {
    const count = 200_000 / publishers;
    const { deliveries, expected } = await runScenario(ports, {
      qos: 0,
      subscribers: 1,
      publishers,
      count,
      rate: 0,
    });
    console.log(`${publishers} publishers: ${deliveries} of ${expected} arrived`);
    expect(deliveries).toBeGreaterThan(expected * (1 - LOST_MAX));
    expect(deliveries).toBeLessThanOrEqual(expected);
  });
}
