import { Cursor } from '#core/message-log/cursor.ts';
import type { LogPosition } from '#core/message-log/position.ts';
import type { Qos } from '#core/mqtt/message.ts';
import type { Epoch } from '../cluster/clock.ts';
import type { Inflight, Outgoing } from './outgoing.ts';
import type { Session } from './session.ts';

/** Where a message that was on its way can be found again: in the log, or as retained. */
export interface MessageReference {
  position: LogPosition | undefined;
  topic: string;
  origin: string;
  sequence: number;
}

export interface SnapshotEntry extends MessageReference {
  /** Packet identifier; 0 = waits in the queue. */
  id: number;
  qos: Qos;
  retain: boolean;
  ids: readonly number[] | undefined;
  released: boolean;
}

/** What a session needs to go on at another node: references, never messages. */
export interface Snapshot {
  epoch: Epoch;
  /** Counts what its owner has saved: of several, the highest is the last. */
  version: number;
  /** Milliseconds since the epoch. */
  savedAt: number;
  /** Written when the connection had ended: nothing has happened since. */
  closed: boolean;
  cursor: Cursor;
  partial: LogPosition | undefined;
  lastId: number;
  /** Whether its client publishes with QoS 2. */
  exactlyOnce: boolean;
  entries: SnapshotEntry[];
  received: [number, LogPosition | undefined][];
  ahead: { packetId: number; position: LogPosition }[];
}

interface Stored extends Omit<Snapshot, 'cursor'> {
  v: 1;
  cursor: string;
}

export function encodeSnapshot(
  session: Session,
  { epoch, version, closed }: Pick<Snapshot, 'epoch' | 'version' | 'closed'>,
): Buffer {
  const { cursor } = session;
  const entries: SnapshotEntry[] = [];
  for (const [id, entry] of session.inflight) {
    if (entry.told === undefined) entries.push(reference(id, entry, entry.released));
  }
  for (const outgoing of session.queue) {
    // Shared messages belong to their group, which hands them to another member.
    if (outgoing.told === undefined) entries.push(reference(0, outgoing, false));
  }
  const { incoming } = session;
  incoming.releasedAhead = incoming.releasedAhead.filter(
    ({ position }) => position.sequence > (cursor.sequences[position.shard] ?? 0),
  );
  const stored: Stored = {
    v: 1,
    epoch,
    version,
    savedAt: Math.max(Date.now(), epoch.time),
    closed,
    cursor: cursor.encode().toString('base64'),
    partial: session.partial,
    lastId: session.lastId,
    exactlyOnce: session.exactlyOnce,
    entries,
    // Whoever takes the session over looks into the log for those that were on their way into it.
    received: [...incoming.received].filter(([id]) => !incoming.receiving.has(id)),
    ahead: incoming.releasedAhead,
  };
  return Buffer.from(JSON.stringify(stored));
}

function reference(
  id: number,
  { message, qos, retain, ids }: Outgoing | Inflight,
  released: boolean,
): SnapshotEntry {
  const { position, topic, origin, sequence } = message;
  return { id, qos, retain, ids, released, position, topic, origin, sequence };
}

/** The last of several; undefined for none. */
export function latestSnapshot(parts: readonly Buffer[]): Snapshot | undefined {
  let latest: Snapshot | undefined;
  for (const bytes of parts) {
    const snapshot = decodeSnapshot(bytes);
    if (snapshot !== undefined && snapshot.version > (latest?.version ?? -1)) latest = snapshot;
  }
  return latest;
}

/** Undefined for one of another version, or none. */
export function decodeSnapshot(bytes: Buffer): Snapshot | undefined {
  if (bytes.length === 0) return undefined;
  const { v, cursor, ...rest } = JSON.parse(bytes.toString()) as Stored;
  if (v !== 1) return undefined;
  return {
    ...rest,
    partial: rest.partial,
    cursor: Cursor.decode(Buffer.from(cursor, 'base64')),
    // JSON knows no undefined.
    received: rest.received.map(([id, position]) => [id, position ?? undefined]),
  };
}

/** By shard: the first record that going on from the snapshot would need. */
export function floorOf({
  cursor,
  entries,
}: {
  cursor: Cursor;
  entries: Iterable<{ position: LogPosition | undefined }>;
}): number[] {
  const floor = cursor.sequences.map((sequence) => sequence + 1);
  for (const { position } of entries) {
    if (position !== undefined && position.sequence < (floor[position.shard] ?? 0)) {
      floor[position.shard] = position.sequence;
    }
  }
  return floor;
}
