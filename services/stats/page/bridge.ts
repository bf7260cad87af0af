import type { ClusterBridge, MappingState, ToKafkaView, ToMqttView } from '../model/bridge.ts';
import type { ClusterSnapshot } from '../model/snapshot.ts';
import { lastKnown } from '../model/sourced.ts';
import { badge, silence, type Tone } from './badge.ts';
import { type Html, html } from './html.ts';
import type { Live } from './live.ts';
import { type Cell, type Column, figure, head, row } from './table.ts';
import { bytes, count, duration, percent, rate, UNKNOWN } from './units.ts';

const TONES: Record<MappingState, Tone> = {
  carrying: 'ok',
  buffering: 'warn',
  paused: 'idle',
  doubtful: 'warn',
  moving: 'warn',
  unknown: 'idle',
};

const MEANINGS: Record<MappingState, string> = {
  carrying: 'what comes goes to Kafka',
  buffering: 'Kafka does not take it now; the log keeps what comes',
  paused: 'paused by its owner; the log keeps what comes',
  doubtful: 'its bridge cannot be sure to have it alone, and waits',
  moving: 'another bridge takes it over',
  unknown: 'no bridge answers',
};

/** Well before anything is lost. */
const MUCH_KEPT = 0.5;

const number = <Row>(
  key: string,
  label: string,
  hint: string,
  pick: (row: Row) => number | undefined,
  format: (value: number) => string = count,
) =>
  ({
    key,
    label,
    hint,
    numeric: true,
    cell: (entry: Row) => {
      const value = pick(entry);
      return value === undefined ? { content: UNKNOWN } : figure(value, format);
    },
  }) satisfies Column<Row>;

const TO_KAFKA: readonly Column<ToKafkaView>[] = [
  { key: 'name', label: 'To Kafka', wide: true, cell: ({ name }) => ({ content: name }) },
  { key: 'state', label: 'State', wide: 'lead', cell: (row) => ({ content: state(row) }) },
  {
    key: 'owner',
    label: 'Bridge',
    hint: 'node of the bridge that has it',
    cell: ({ owner }) => ({ content: owner === '' ? UNKNOWN : owner }),
  },
  {
    key: 'rate',
    label: 'Out/s',
    hint: 'records that Kafka took a second',
    numeric: true,
    cell: ({ rates, delivered }) => perSecond(rates, `${delivered} since the bridges started`),
  },
  number('behind', 'Behind', 'messages that are not in Kafka', ({ lag }) => lag?.messages),
  number('size', 'Size', 'what of the log is not in Kafka', ({ lag }) => lag?.bytes, bytes),
  number('age', 'Age', 'of the oldest message not in Kafka', ({ lag }) => lag?.seconds, duration),
  {
    key: 'kept',
    label: 'Of the log',
    hint: 'share of what the log keeps that is not in Kafka; at 100 % messages are lost',
    numeric: true,
    cell: ({ lag }) => kept(lag?.retention),
  },
  number('retries', 'Again', 'batches sent to Kafka again', ({ retries }) => retries),
  number('dead', 'Dead letters', 'records in the dead-letter topic', (row) => row.deadLetters),
  number('dropped', 'Dropped', 'QoS 0 messages that found no room', ({ dropped }) => dropped),
  {
    key: 'lost',
    label: 'Lost',
    hint: 'gone from the log before they were read, or refused by every topic',
    numeric: true,
    cell: ({ lost }) => (lost === 0 ? figure(0, count) : { content: badge('bad', count(lost)) }),
  },
];

const TO_MQTT: readonly Column<ToMqttView>[] = [
  { key: 'name', label: 'To MQTT', wide: true, cell: ({ name }) => ({ content: name }) },
  { key: 'state', label: 'State', wide: 'lead', cell: (row) => ({ content: reading(row) }) },
  {
    key: 'owner',
    label: 'Bridge',
    hint: 'nodes of the bridges that share it',
    cell: ({ owners }) => ({ content: owners.length === 0 ? UNKNOWN : owners.join(', ') }),
  },
  {
    key: 'rate',
    label: 'In/s',
    hint: 'messages published a second',
    numeric: true,
    cell: ({ rates, published }) => perSecond(rates, `${published} since the bridges started`),
  },
  number('partitions', 'Partitions', 'that bridges read now', (row) => row.partitions),
  number('behind', 'Behind', 'records of Kafka that are not published', ({ lag }) => lag),
  number('dead', 'Dead letters', 'records in the dead-letter topic', (row) => row.deadLetters),
  number('looped', 'Looped', 'records that had come from here, left out', ({ looped }) => looped),
];

/** What goes to Kafka and comes from it; nothing where no node has a bridge. */
export function bridge(snapshot: ClusterSnapshot, live: Live): Html | undefined {
  const { bridge } = snapshot;
  if (bridge === undefined) return undefined;
  const { toKafka, toMqtt } = bridge;
  return live.block('section', 'bridge', { 'aria-labelledby': 'h-bridge' }, () => [
    html`<h2 id="h-bridge">Bridge</h2>`,
    live.cell('p', 'bridge-kafka', { class: 'caption told' }, [kafka(bridge), bridges(snapshot)]),
    toKafka.length > 0 && table(TO_KAFKA, toKafka, 'bk', live),
    toMqtt.length > 0 && table(TO_MQTT, toMqtt, 'bm', live),
  ]);
}

function table<Row>(
  columns: readonly Column<Row>[],
  rows: readonly Row[],
  id: string,
  live: Live,
): Html {
  const body = rows.map((entry, index) => row(columns, entry, `${id}${index}`, live));
  return html`<div class="scroll"><table>${head(columns)}<tbody>${body}</tbody></table></div>`;
}

function kafka({ kafka: { state, brokers, reason } }: ClusterBridge): Html {
  const nodes = brokers === 1 ? '1 node' : `${brokers} nodes`;
  switch (state) {
    case 'reachable':
      return html`${pair('Kafka', badge('ok', 'answers'))} <small>${nodes}</small> `;
    case 'part':
      return html`${pair('Kafka', badge('warn', 'not everywhere', reason))} <small>${reason}</small> `;
    case 'away':
      return html`${pair('Kafka', badge('warn', 'away, buffering', reason))} <small>${reason}</small> `;
    case 'unknown':
      return html`${pair('Kafka', badge('idle', 'unknown', 'no bridge answers'))} `;
  }
}

/** What it is and how it is, on one line. */
function pair(what: string, how: Html): Html {
  return html`<span><b>${what}</b> ${how}</span>`;
}

/** The processes: `pi1 ready`, `pi2 stale since …`. */
function bridges({ nodes, at }: ClusterSnapshot): Html[] {
  return nodes.flatMap(({ name, bridge }) => {
    if (bridge === undefined) return [];
    const known = lastKnown(bridge.status);
    const word =
      silence(bridge.status, at) ??
      (known?.ready
        ? badge('ok', 'ready', `pid ${known.pid}, ${bytes(known.rss)} memory`)
        : badge('warn', 'not ready', known?.reasons.join(', ')));
    return [html`${pair(name, word)} `];
  });
}

function state({ state, problem }: ToKafkaView): Html {
  return badge(TONES[state], state, problem ?? MEANINGS[state]);
}

function reading({ owners, problem }: ToMqttView): Html {
  if (problem !== undefined) return badge('warn', 'waiting', problem);
  if (owners.length === 0) return badge('idle', 'no partition', 'no bridge has a partition of it');
  return badge('ok', 'reading', 'what Kafka has is published');
}

function kept(share: number | undefined): Cell {
  if (share === undefined) return { content: UNKNOWN };
  const text = share > 0 && share < 0.01 ? `<${percent(1)}` : percent(share * 100);
  const title = `${(share * 100).toFixed(3)} %`;
  return { content: share >= MUCH_KEPT ? badge('warn', text) : text, title };
}

function perSecond(rates: ToKafkaView['rates'], note: string): Cell {
  if (!rates) return { content: UNKNOWN, title: 'no two answers to compare' };
  const title = `${rates.records.toFixed(2)} records/s, ${bytes(rates.bytes)}/s, ${note}`;
  return { content: rate(rates.records), title };
}
