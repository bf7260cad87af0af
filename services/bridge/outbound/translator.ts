import type { ToKafka } from '#core/config/bridge.ts';
import type { Placeholder } from '#core/config/template.ts';
import { matchesFilter } from '#core/mqtt-topics.ts';
import { JsonFields } from '../json-fields.ts';
import type { HeaderValue, KafkaRecord } from '../kafka/port.ts';
import { FROM_KAFKA, HEADERS } from '../loop-guard.ts';
import { render } from '../render-template.ts';
import { envelope } from './envelope.ts';
import { type PublishedProperties, readProperties } from './properties.ts';
import type { SourceMessage } from './source-message.ts';

export type Translation =
  /** Not this mapping's. */
  | undefined
  | { topic: string; record: KafkaRecord }
  /** It is, but there is no topic that it could go to. */
  | { topic: undefined; record: KafkaRecord; reason: string };

/** Topics whose answers are remembered. */
const REMEMBERED = 10_000;
const TOPIC_MAX = 249;
const ILLEGAL = /[^A-Za-z0-9._-]/g;

/** Makes a mapping's records of the messages that are its. */
export class Translator {
  readonly #mapping: ToKafka;
  readonly #cluster: string;
  /** Whether a topic is the mapping's; and its Kafka topic, where that depends on nothing else. */
  readonly #topics = new Map<string, string | boolean>();
  readonly #fixed: boolean;
  readonly #headers: readonly (readonly [string, ToKafka['topic']])[];

  constructor(mapping: ToKafka, cluster: string) {
    this.#mapping = mapping;
    this.#cluster = cluster;
    this.#headers = Object.entries(mapping.headers);
    this.#fixed = mapping.topic.every((part) => typeof part === 'string' || part.name === 'topic');
  }

  /** `time`: when the broker took the message, milliseconds since the epoch. */
  translate(message: SourceMessage, time: number): Translation {
    const { qos, loops, key: keyTemplate, topic: topicTemplate } = this.#mapping;
    const known = this.#lookUp(message.topic);
    if (known === false || message.qos < qos) return undefined;
    const given = message.properties;
    const properties = Buffer.isBuffer(given) ? readProperties(given) : given;
    if (!loops && properties.user.some(([name]) => name === FROM_KAFKA)) return undefined;
    const fields = new JsonFields(message.payload);
    const fill = (placeholder: Placeholder): string | undefined =>
      valueFor(placeholder, message, time, fields);
    const key = keyTemplate === undefined ? undefined : render(keyTemplate, fill);
    const record: KafkaRecord = {
      key: key === undefined ? null : Buffer.from(key),
      value:
        this.#mapping.value === 'raw'
          ? compact(message.payload)
          : envelope(message, properties, time),
      headers: this.#headersOf(message, properties, fill),
      timestamp: time,
    };
    if (typeof known === 'string') return { topic: known, record };
    const text = render(topicTemplate, fill);
    const topic = text === undefined ? undefined : kafkaTopic(text);
    if (topic !== undefined) {
      if (this.#fixed) this.#topics.set(message.topic, topic);
      return { topic, record };
    }
    const reason = text === undefined ? 'its topic names what it lacks' : `no topic: "${text}"`;
    return { topic: undefined, record, reason };
  }

  #lookUp(topic: string): string | boolean {
    const known = this.#topics.get(topic);
    if (known !== undefined) return known;
    const matches = this.#mapping.filters.some((filter) => matchesFilter(filter, topic));
    if (this.#topics.size >= REMEMBERED) this.#topics.clear();
    this.#topics.set(topic, matches);
    return matches;
  }

  #headersOf(
    message: SourceMessage,
    { contentType, responseTopic, correlationData, user }: PublishedProperties,
    fill: (placeholder: Placeholder) => string | undefined,
  ): Record<string, HeaderValue> {
    // Names from outside must not find anything, such as `constructor`; where there are none, an
    // object that is no dictionary costs a third.
    const headers: Record<string, HeaderValue> =
      user.length === 0 && this.#headers.length === 0 ? {} : Object.create(null);
    for (const [name, value] of user) {
      const before = headers[name];
      if (before === undefined) headers[name] = value;
      else if (Array.isArray(before)) before.push(value);
      else headers[name] = [before, value];
    }
    const { topic, qos, retain, publisher, origin, sequence, position } = message;
    headers[HEADERS.topic] = topic;
    headers[HEADERS.qos] = String(qos);
    if (retain) headers[HEADERS.retain] = '1';
    if (publisher !== '') headers[HEADERS.client] = publisher;
    if (responseTopic !== undefined) headers[HEADERS.responseTopic] = responseTopic;
    if (correlationData !== undefined) headers[HEADERS.correlation] = correlationData;
    if (contentType !== undefined) headers[HEADERS.contentType] = contentType;
    headers[HEADERS.cluster] = this.#cluster;
    if (origin !== '') headers[HEADERS.node] = origin;
    if (sequence > 0) headers[HEADERS.id] = `${origin}/${sequence}`;
    if (position !== undefined) {
      headers[HEADERS.position] = `${position.shard}:${position.sequence}:${position.index}`;
    }
    for (const [name, template] of this.#headers) {
      const value = render(template, fill);
      if (value !== undefined) headers[name] = value;
    }
    return headers;
  }
}

function valueFor(
  { name, path }: Placeholder,
  message: SourceMessage,
  time: number,
  fields: JsonFields,
): string | undefined {
  switch (name) {
    case 'topic':
      return path.length === 0 ? message.topic : message.topic.split('/')[Number(path[0]) - 1];
    case 'clientId':
      return message.publisher === '' ? undefined : message.publisher;
    case 'node':
      return message.origin === '' ? undefined : message.origin;
    case 'qos':
      return String(message.qos);
    case 'retain':
      return String(message.retain);
    case 'timestamp':
      return String(time);
    case 'payload':
      return fields.get(path);
    default:
      return undefined;
  }
}

/** A payload of its own memory, when it is a small part of the record that it stands in. */
function compact(payload: Buffer): Buffer {
  return payload.buffer.byteLength > 2 * payload.length ? Buffer.from(payload) : payload;
}

/** A legal name for a Kafka topic: `/` becomes `.`, what else is not allowed `_`. */
export function kafkaTopic(text: string): string | undefined {
  const name = text.replaceAll('/', '.').replace(ILLEGAL, '_');
  const legal = name.length > 0 && name.length <= TOPIC_MAX && name !== '.' && name !== '..';
  return legal ? name : undefined;
}
