import type { BrokerStatus } from '#core/contracts/status.ts';
import type { BrokerView, ClusterSnapshot, NatsStatus } from '../model/snapshot.ts';
import { lastKnown, type Sourced } from '../model/sourced.ts';
import { badge, silence } from './badge.ts';
import { type Html, html } from './html.ts';
import type { Live } from './live.ts';
import { type Cell, type Column, figure, head, row } from './table.ts';
import { bytes, count, duration, rate, UNKNOWN } from './units.ts';

interface Row {
  name: string;
  broker: BrokerView;
  status: BrokerStatus | undefined;
  nats: Sourced<NatsStatus> | undefined;
  now: number;
}

const counter = (
  key: string,
  label: string,
  hint: string,
  pick: (status: BrokerStatus) => number,
) =>
  ({
    key,
    label,
    hint,
    numeric: true,
    cell: ({ status }: Row) => (status ? figure(pick(status), count) : unknown),
  }) satisfies Column<Row>;

const unknown: Cell = { content: UNKNOWN };

const COLUMNS: readonly Column<Row>[] = [
  { key: 'name', label: 'Broker', wide: true, cell: ({ name }) => ({ content: name }) },
  { key: 'state', label: 'State', wide: 'lead', cell: (row) => ({ content: state(row) }) },
  {
    key: 'clients',
    label: 'Clients',
    hint: 'connections that have completed CONNECT, now',
    numeric: true,
    cell: ({ status }) =>
      status
        ? {
            content: count(status.clients),
            title: `${status.clients} now, ${status.clientsMax} at most, ${status.connects} accepted, ${status.refused} refused`,
          }
        : unknown,
  },
  counter('sessions', 'Sessions', 'sessions kept, connected or not', (s) => s.sessions),
  counter('subs', 'Subs', 'subscriptions of these sessions', (s) => s.subscriptions),
  {
    key: 'in',
    label: 'In/s',
    hint: 'PUBLISH packets from clients a second',
    numeric: true,
    cell: (row) => perSecond(row, 'messagesIn', 'bytesIn'),
  },
  {
    key: 'out',
    label: 'Out/s',
    hint: 'PUBLISH packets to clients a second',
    numeric: true,
    cell: (row) => perSecond(row, 'messagesOut', 'bytesOut'),
  },
  counter('retained', 'Retained', 'retained messages that this node sees', (s) => s.retained),
  counter('dropped', 'Dropped', 'messages whose subscriber did not read', (s) => s.dropped),
  counter(
    'takeovers',
    'Takeovers',
    'connections displaced by their own client id',
    (s) => s.takeovers,
  ),
  {
    key: 'nats',
    label: 'NATS',
    wide: true,
    hint: 'the nats-server beside it',
    cell: (row) => nats(row),
  },
  {
    key: 'rss',
    label: 'Memory',
    hint: 'resident memory of the process',
    numeric: true,
    cell: ({ status }) => (status ? figure(status.rss, bytes) : unknown),
  },
  {
    key: 'up',
    label: 'Uptime',
    numeric: true,
    cell: ({ status, now, broker }) => {
      // The uptime of a process that is silent is not known: it may have ended.
      if (!status || broker.status.state !== 'fresh') return unknown;
      return figure((now - status.startedAt) / 1000, duration);
    },
  },
];

export function brokers(snapshot: ClusterSnapshot, live: Live): Html | undefined {
  const rows = snapshot.nodes.flatMap(({ name, broker, nats }): Row[] =>
    broker ? [{ name, broker, status: lastKnown(broker.status), nats, now: snapshot.at }] : [],
  );
  if (rows.length === 0) return undefined;
  const body = () =>
    rows.map((entry, index) =>
      row(COLUMNS, entry, `b${index}`, live, entry.broker.status.state === 'stale' ? 'stale' : ''),
    );
  return live.block('section', 'brokers', { 'aria-labelledby': 'h-brokers' }, () => [
    html`<h2 id="h-brokers">Brokers</h2><div class="scroll"><table>${head(COLUMNS)}<tbody>${body()}</tbody></table></div>`,
  ]);
}

function state({ broker, status, now }: Row): Html {
  const quiet = silence(broker.status, now);
  if (quiet) return quiet;
  if (status?.ready) return badge('ok', 'ready');
  return badge('warn', 'not ready', status?.reasons.join(', '));
}

function perSecond(
  { broker: { rates }, status }: Row,
  messages: 'messagesIn' | 'messagesOut',
  size: 'bytesIn' | 'bytesOut',
): Cell {
  if (!rates) return { content: UNKNOWN, title: 'no two answers to compare' };
  const total = status ? `, ${status[messages]} since it started` : '';
  return {
    content: rate(rates[messages]),
    title: `${rates[messages].toFixed(2)} msg/s, ${bytes(rates[size])}/s${total}`,
  };
}

function nats({ nats, status, now }: Row): Cell {
  if (!nats) {
    if (!status?.natsConnected)
      return { content: badge('idle', 'alone', 'works without a nats-server') };
    return { content: badge('ok', 'connected') };
  }
  const quiet = silence(nats, now);
  if (quiet) return { content: quiet };
  const value = lastKnown(nats);
  const title = value && describe(value);
  if (status && !status.natsConnected) return { content: badge('bad', 'disconnected', title) };
  return { content: badge('ok', 'connected', title) };
}

function describe({ name, version, routes, clients, rss, jetstream }: NatsStatus): string {
  const stored = jetstream ? `, JetStream ${bytes(jetstream.storage)}` : '';
  const leader = jetstream?.leader === undefined ? '' : `, leader ${jetstream.leader || 'none'}`;
  return `${name} ${version}: ${routes} routes, ${clients} clients, ${bytes(rss)} memory${stored}${leader}`;
}
