import type { ClusterBridge, ToKafkaView } from './bridge.ts';

interface Found {
  key: string;
  level: 'warning';
  subject: string;
  text: string;
}

/** Share of what the log keeps that may wait for Kafka before it is said. */
const MUCH = 0.5;

/** What is wrong between MQTT and Kafka. Kafka away is one problem, however many mappings wait. */
export function bridgeProblems(bridge: ClusterBridge | undefined): Found[] {
  if (bridge === undefined) return [];
  const found: Found[] = [];
  const { kafka, toKafka, toMqtt } = bridge;
  if (kafka.state === 'away' || kafka.state === 'part') {
    const who = kafka.state === 'away' ? 'is away' : 'is not reached by every bridge';
    const why = kafka.reason === undefined ? '' : ` (${kafka.reason})`;
    found.push(warning('kafka', 'Kafka', `${who}, the log keeps what comes${why}`));
  }
  for (const mapping of toKafka) {
    const text = textOf(mapping, kafka.state !== 'reachable');
    if (text !== undefined) found.push(warning(`to kafka ${mapping.name}`, named(mapping), text));
    const { retention = 0 } = mapping.lag ?? {};
    if (retention >= MUCH) {
      const share = `${Math.round(retention * 100)} % of what the log keeps waits for Kafka`;
      found.push(warning(`retention ${mapping.name}`, named(mapping), share));
    }
  }
  for (const mapping of toMqtt) {
    if (mapping.problem === undefined || kafka.state === 'away') continue;
    found.push(warning(`to mqtt ${mapping.name}`, named(mapping), mapping.problem));
  }
  return found;
}

function textOf({ state, problem }: ToKafkaView, kafkaAway: boolean): string | undefined {
  switch (state) {
    case 'moving':
      return 'is with no bridge that answers';
    case 'doubtful':
      return 'waits: its bridge cannot be sure to have it alone';
    case 'buffering':
      return kafkaAway ? undefined : `waits in the log: ${problem ?? 'no reason given'}`;
    default:
      return undefined;
  }
}

function named({ name }: { name: string }): string {
  return `mapping ${name}`;
}

function warning(key: string, subject: string, text: string): Found {
  return { key: `bridge ${key}`, level: 'warning', subject, text };
}
