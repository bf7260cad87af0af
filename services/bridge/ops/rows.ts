import type { BridgeLag, ToKafkaRow } from '#core/contracts/bridge.ts';
import type { MappingToKafka } from '../outbound/mapping-to-kafka.ts';

/** What `/status` tells of one mapping to Kafka. */
export function toKafkaRow(one: MappingToKafka, lag: BridgeLag | undefined): ToKafkaRow {
  const { mapping, counters, claim, control, progress } = one;
  const { delivered, bytes, retries, renewals, deadLetters, refused, dropped } = counters;
  const problem = progress?.delivery.problem ?? one.topicProblem;
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
