import { Message, NO_BYTES } from '#core/mqtt/message.ts';
import type { MessageLog } from '../log/message-log.ts';
import type { SessionMeta } from './meta.ts';
import type { Session } from './session.ts';
import type { Snapshot, SnapshotEntry } from './snapshot.ts';

export interface RestoreOptions {
  log: MessageLog;
  retained: (topic: string) => Message | undefined;
  /** Resolves when nothing of an earlier owner can get into the log any more. */
  fence: () => Promise<void>;
  isDropped: (message: Message) => boolean;
}

/** Longest search for what a dead node took from its client last, milliseconds. */
const SEARCH = 5_000;
const PACKET_ID_MAX = 65_535;
/** Identifiers that are left out. */
const FAR = 32_768;
/** Messages fetched from the log at a time. */
const PARALLEL = 32;

/**
 * Fills a new session from what its last owner saved. Resolves with the number of messages that
 * were on their way and exist no more.
 */
export async function restoreSession(
  session: Session,
  meta: SessionMeta,
  snapshot: Snapshot,
  options: RestoreOptions,
): Promise<number> {
  session.user = meta.user;
  // After a power cut the client may still hold identifiers that were given since this was saved.
  session.lastId = snapshot.closed
    ? snapshot.lastId
    : (snapshot.lastId + FAR) % (PACKET_ID_MAX + 1);
  session.exactlyOnce = snapshot.exactlyOnce;
  for (const subscription of meta.subscriptions) {
    session.subscriptions.set(subscription.filter, subscription);
  }
  for (const [id, position] of snapshot.received) session.incoming.received.set(id, position);
  session.incoming.releasedAhead = snapshot.ahead;
  let lost = 0;
  const { entries } = snapshot;
  for (let at = 0; at < entries.length; at += PARALLEL) {
    const part = entries.slice(at, at + PARALLEL);
    const found = await Promise.all(part.map((entry) => find(entry, options)));
    for (const [i, entry] of part.entries()) {
      const message = found[i];
      if (message === undefined) lost++;
      else put(session, entry, message);
    }
  }
  await options.log.rewind(snapshot.cursor, snapshot.savedAt);
  session.resumeAt(snapshot.cursor, snapshot.partial);
  // A node that died may have taken messages that it had no time to note.
  if (!snapshot.closed && snapshot.exactlyOnce) {
    await options.fence();
    await findReceived(session, snapshot, options);
  }
  return lost;
}

function put(session: Session, entry: SnapshotEntry, message: Message): void {
  const { id, qos, retain, ids, released } = entry;
  if (id === 0) session.enqueue({ message, qos, retain, ids });
  else session.restore(id, { message, qos, retain, ids, released, sent: true });
}

function find(
  { released, position, topic, origin, sequence, qos }: SnapshotEntry,
  { log, retained }: RestoreOptions,
): Promise<Message | undefined> | Message | undefined {
  // PUBREL needs no message any more.
  if (released) return new Message(topic, qos, false, NO_BYTES);
  if (position !== undefined) return log.fetch(position);
  const message = retained(topic);
  return message?.origin === origin && message.sequence === sequence ? message : undefined;
}

/**
 * QoS 2 messages of this client that are in the log and that the snapshot does not know: their
 * identifiers are in use until PUBREL ([MQTT-4.3.3-10]).
 */
async function findReceived(
  session: Session,
  snapshot: Snapshot,
  { log, isDropped }: RestoreOptions,
): Promise<void> {
  const reader = log.reader(snapshot.cursor);
  const until = performance.now() + SEARCH;
  while (performance.now() < until) {
    const result = reader.next();
    if (result === 'head') return;
    if (result === 'wait') {
      await reader.load();
      continue;
    }
    for (const message of result.messages) {
      const { publisher, packetId, position } = message;
      if (packetId === 0 || publisher !== session.clientId || position === undefined) continue;
      if (isDropped(message)) continue;
      const gone = snapshot.ahead.some(
        (one) =>
          one.packetId === packetId &&
          one.position.shard === position.shard &&
          one.position.sequence === position.sequence &&
          one.position.index === position.index,
      );
      if (gone) continue;
      if (!session.incoming.received.has(packetId))
        session.incoming.recalled.set(packetId, message);
      session.incoming.received.set(packetId, position);
    }
  }
}
