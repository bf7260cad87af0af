import type { KafkaRecord } from '../kafka/port.ts';

/** What of a value goes along at most, bytes: it may have been too large for its own topic. */
const VALUE_MAX = 256 << 10;
const REASON_MAX = 1_024;

/** The record as it goes to the dead-letter topic: with the reason, and what was too much cut off. */
export function deadLetter(record: KafkaRecord, topic: string, reason: string): KafkaRecord {
  const { key, value, headers, timestamp } = record;
  const length = value?.length ?? 0;
  const cut = length > VALUE_MAX ? { 'bramble.value-bytes': String(length) } : {};
  return {
    key: key !== null && key.length > VALUE_MAX ? null : key,
    value: length > VALUE_MAX ? value!.subarray(0, VALUE_MAX) : value,
    headers: {
      ...headers,
      'bramble.dead-letter-topic': topic,
      'bramble.dead-letter-reason': reason.slice(0, REASON_MAX),
      ...cut,
    },
    timestamp,
  };
}
