import { Gauge, Histogram, type Registry } from '#core/metrics.ts';
import type { Bridge } from '../bridge.ts';

/** Seconds. */
const BUCKETS = [0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];

type Values = Record<string, number | undefined>;

/** Prometheus' names of what `/status` tells, and times to Kafka's acknowledgement. */
export function registerMetrics(registry: Registry, bridge: Bridge): Histogram {
  const gauge = (name: string, help: string, labels: string[], collect: (g: Gauge) => void) => {
    new Gauge({
      name: `bramble_bridge_${name}`,
      help,
      labelNames: labels,
      registers: [registry],
      collect() {
        this.reset();
        collect(this);
      },
    });
  };
  gauge('kafka_reachable', 'Whether Kafka answers.', [], (g) =>
    g.set(bridge.status().kafka.reachable ? 1 : 0),
  );
  gauge('to_kafka', 'A mapping from MQTT to Kafka.', ['mapping', 'what'], (g) => {
    for (const { name, state, lag, owner, problem, ...numbers } of bridge.status().toKafka) {
      const values: Values = {
        ...numbers,
        here: state === 'elsewhere' ? 0 : 1,
        lag_messages: lag?.messages,
        lag_bytes: lag?.bytes,
        lag_seconds: lag?.seconds,
        retention_used: lag?.retention,
      };
      set(g, name, values);
    }
  });
  gauge('to_mqtt', 'A mapping from Kafka to MQTT.', ['mapping', 'what'], (g) => {
    for (const { name, assigned, problem, ...numbers } of bridge.status().toMqtt) {
      set(g, name, numbers);
    }
  });
  return new Histogram({
    name: 'bramble_bridge_produce_seconds',
    help: 'From the forming of a batch to the acknowledgement of all in-sync replicas.',
    buckets: BUCKETS,
    registers: [registry],
  });
}

function set(gauge: Gauge, mapping: string, values: Values): void {
  for (const [what, value] of Object.entries(values)) {
    if (value !== undefined) gauge.set({ mapping, what }, value);
  }
}
