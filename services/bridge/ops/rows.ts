import type { BridgeLag, ToKafkaRow, ToMqttRow } from '#core/contracts/bridge.ts';
import type { MappingToMqtt } from '../inbound/mapping-to-mqtt.ts';
import type { KafkaHealth } from '../kafka/port.ts';
import type { MappingToKafka } from '../outbound/mapping-to-kafka.ts';

/** What `/status` tells of one mapping to Kafka. */
export function toKafkaRow(
  one: MappingToKafka,
  lag: BridgeLag | undefined,
  health: KafkaHealth,
): ToKafkaRow {
  const { mapping, counters, claim, control, progress } = one;
  const { delivered, bytes, retries, renewals, deadLetters, refused, dropped } = counters;
  const away = health.reachable ? undefined : health.reason;
  const problem = progress?.delivery.problem ?? progress?.delivery.topicProblem ?? away;
  return {
    name: mapping.name,
    state: stateOf(one, problem),
    owner: claim.owner,
    ...(problem === undefined ? {} : { problem }),
    ...(lag === undefined ? {} : { lag }),
    delivered,
    bytes,
    retries,
    renewals,
    deadLetters,
    refused,
    dropped,
    lost: one.lost + (progress?.pump.lost ?? 0),
    pending: progress?.delivery.pending ?? 0,
  };

  function stateOf({ claim }: MappingToKafka, why: string | undefined): ToKafkaRow['state'] {
    if (!claim.held) return 'elsewhere';
    if (control.isPaused) return 'paused';
    if (!claim.valid) return 'doubtful';
    return why === undefined ? 'carrying' : 'buffering';
  }
}

/** The same of one to MQTT. */
export function toMqttRow(one: MappingToMqtt): ToMqttRow {
  const { mapping, counters, looped, problem, assigned, behind } = one;
  let lag = 0;
  for (const records of behind.values()) lag += records;
  return {
    name: mapping.name,
    assigned: Object.fromEntries([...assigned].map(([topic, list]) => [topic, [...list]])),
    ...(problem === undefined ? {} : { problem }),
    lag,
    published: counters.delivered,
    bytes: counters.bytes,
    looped,
    deadLetters: counters.deadLetters,
  };
}
