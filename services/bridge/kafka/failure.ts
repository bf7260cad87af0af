import { describeError } from '#core/errors.ts';
import { type Failure, ProduceError } from './port.ts';

/** Kafka's error codes (protocol guide, "Error Codes") that are not worth the same batch again. */
const FAILURES: ReadonlyMap<number, Failure> = new Map<number, Failure>([
  // MESSAGE_TOO_LARGE, RECORD_LIST_TOO_LARGE
  [10, 'too-large'],
  [18, 'too-large'],
  // INVALID_TOPIC_EXCEPTION, INVALID_TIMESTAMP, POLICY_VIOLATION, INVALID_RECORD
  [17, 'rejected'],
  [32, 'rejected'],
  [44, 'rejected'],
  [87, 'rejected'],
  // OUT_OF_ORDER_SEQUENCE_NUMBER, INVALID_PRODUCER_EPOCH, INVALID_PRODUCER_ID_MAPPING,
  // UNKNOWN_PRODUCER_ID, PRODUCER_FENCED
  [45, 'disorder'],
  [47, 'disorder'],
  [49, 'disorder'],
  [59, 'disorder'],
  [90, 'disorder'],
]);
/** What kafkajs throws over a record that it cannot encode: it never will. */
const ENCODING = new Set(['TypeError', 'RangeError', 'SyntaxError']);
/** kafkajs names a code that it does not know only in its text. */
const UNKNOWN_CODE = /Unknown error code (\d+)/;

interface KafkaJsError extends Error {
  code?: number | string;
  type?: string;
  originalError?: Error;
}

/** What a rejection of kafkajs means; the innermost error tells. */
export function produceError(error: unknown): ProduceError {
  let at = error as KafkaJsError;
  for (let depth = 0; depth < 8; depth++) {
    const inner = (at.originalError ?? at.cause) as KafkaJsError | undefined;
    if (!(inner instanceof Error)) break;
    at = inner;
  }
  const unknown = UNKNOWN_CODE.exec(at.message)?.[1];
  const code = unknown === undefined ? at.code : Number(unknown);
  const known = typeof code === 'number' ? FAILURES.get(code) : undefined;
  const failure = known ?? (ENCODING.has(at.name) ? 'rejected' : 'again');
  return new ProduceError(failure, at.type ?? at.name, describeError(at), error);
}
