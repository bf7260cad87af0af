import type { ToMqtt } from '#core/config/bridge.ts';
import type { Placeholder } from '#core/config/template.ts';
import { isTopicName } from '#core/mqtt-topics.ts';
import { JsonFields } from '../json-fields.ts';
import type { ConsumedRecord, HeaderValue } from '../kafka/port.ts';
import { FROM_KAFKA, HEADERS } from '../loop-guard.ts';
import type { Publication } from '../mqtt/link.ts';
import { render } from '../render-template.ts';

export type RecordTranslation =
  | { publication: Publication }
  /** It came from this cluster and would go round. */
  | { looped: true }
  /** No message can be made of it. */
  | { reason: string };

/** MQTT 5, 1.5.4: a UTF-8 string has 65,535 bytes at most. */
const TOPIC_MAX = 65_535;
const USER_PROPERTIES_MAX = 64;
const OWN = new Set<string>(Object.values(HEADERS));
const EMPTY = Buffer.alloc(0);

/** Makes a mapping's publications of Kafka's records. */
export class RecordTranslator {
  readonly #mapping: ToMqtt;
  readonly #cluster: string;

  constructor(mapping: ToMqtt, cluster: string) {
    this.#mapping = mapping;
    this.#cluster = cluster;
  }

  translate(topic: string, partition: number, record: ConsumedRecord): RecordTranslation {
    const { loops, topic: template, qos, retain, name } = this.#mapping;
    const { headers, value } = record;
    if (!loops && textOf(headers[HEADERS.cluster]) === this.#cluster) return { looped: true };
    const fields = new JsonFields(value);
    const target = render(template, (placeholder) =>
      valueFor(placeholder, topic, partition, record, fields),
    );
    if (target === undefined) return { reason: 'its topic names what it lacks' };
    if (!isTopicName(target) || Buffer.byteLength(target) > TOPIC_MAX) {
      return { reason: `no MQTT topic: "${target.slice(0, 200)}"` };
    }
    if (target.startsWith('$')) return { reason: `"${target.slice(0, 200)}" is the broker's own` };
    const user: Record<string, string | string[]> = Object.create(null);
    let count = 0;
    for (const [header, text] of Object.entries(headers)) {
      if (OWN.has(header) || text === undefined || ++count > USER_PROPERTIES_MAX) continue;
      user[header] = Array.isArray(text) ? text.map(String) : String(text);
    }
    user[FROM_KAFKA] = `${this.#cluster}/${name}`;
    const correlation = headers[HEADERS.correlation];
    return {
      publication: {
        topic: target,
        payload: value ?? EMPTY,
        qos,
        retain,
        contentType: textOf(headers[HEADERS.contentType]),
        responseTopic: responseTopicOf(headers[HEADERS.responseTopic]),
        correlationData: Buffer.isBuffer(correlation) ? correlation : undefined,
        user,
      },
    };
  }
}

function responseTopicOf(given: HeaderValue | undefined): string | undefined {
  const topic = textOf(given);
  return topic !== undefined && isTopicName(topic) ? topic : undefined;
}

function textOf(given: HeaderValue | undefined): string | undefined {
  const first = Array.isArray(given) ? given[0] : given;
  return first === undefined ? undefined : String(first);
}

function valueFor(
  { name, path }: Placeholder,
  topic: string,
  partition: number,
  record: ConsumedRecord,
  fields: JsonFields,
): string | undefined {
  switch (name) {
    case 'topic':
      return topic;
    case 'partition':
      return String(partition);
    case 'offset':
      return record.offset;
    case 'key':
      return record.key?.toString();
    case 'timestamp':
      return String(record.timestamp);
    case 'header':
      return textOf(record.headers[path.join('.')]);
    case 'value':
      return fields.get(path);
    default:
      return undefined;
  }
}
