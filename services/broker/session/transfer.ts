import type { Message, Qos } from '../message.ts';
import { readRecords, recordLength, writeRecord } from '../router/envelope.ts';
import { messageKey, type Session } from './session.ts';
import type { Subscription } from './subscription.ts';

interface EntryState {
  /** Packet identifier; 0 = waits in the queue. */
  id: number;
  qos: Qos;
  retain: boolean;
  ids?: readonly number[];
  released?: boolean;
  origin: string;
}

interface SessionState {
  user: string;
  expiryInterval: number;
  subscriptions: Subscription[];
  received: number[];
  lastId: number;
  entries: EntryState[];
}

/** A session as bytes: length (4) · state as JSON · its messages as records, in the same order. */
export function exportSession(session: Session): Buffer {
  const entries: EntryState[] = [];
  const messages: Message[] = [];
  const add = (
    id: number,
    entry: (typeof messages)[0],
    state: Omit<EntryState, 'id' | 'origin'>,
  ) => {
    entries.push({ id, origin: entry.origin, ...state });
    messages.push(entry);
  };
  for (const [id, { message, qos, retain, ids, released }] of session.inflight) {
    add(id, message, { qos, retain, released, ...(ids ? { ids } : {}) });
  }
  for (const { message, qos, retain, ids } of session.queue) {
    add(0, message, { qos, retain, ...(ids ? { ids } : {}) });
  }
  const state: SessionState = {
    user: session.user,
    expiryInterval: session.expiryInterval,
    subscriptions: [...session.subscriptions.values()],
    received: [...session.received],
    lastId: session.lastId,
    entries,
  };
  const json = Buffer.from(JSON.stringify(state));
  let length = 4 + json.length;
  for (const message of messages) length += recordLength(message);
  const bytes = Buffer.allocUnsafeSlow(length);
  let at = bytes.writeUInt32BE(json.length, 0);
  at += json.copy(bytes, at);
  for (const message of messages) at = writeRecord(bytes, message, at);
  return bytes;
}

/** Ids of messages that a session already has from a transfer: origin and sequence. */
export type SeenMessages = Set<string>;

/**
 * Fills `session` from another node's export. `seen` is given with the rest of the same session:
 * what it names, and what the session has received here meanwhile, is not taken twice. Messages of
 * the rest go before those that came here meanwhile: they are older.
 */
export function importSession(session: Session, bytes: Buffer, seen?: SeenMessages): SeenMessages {
  const jsonEnd = 4 + bytes.readUInt32BE(0);
  const state = JSON.parse(bytes.toString('utf8', 4, jsonEnd)) as SessionState;
  const messages: Message[] = [];
  readRecords(bytes, jsonEnd, '', (message) => messages.push(message));
  const known: SeenMessages = seen ?? new Set();
  const here = [...session.queue];
  if (seen === undefined) {
    session.user = state.user;
    session.expiryInterval = state.expiryInterval;
    session.lastId = state.lastId;
    for (const subscription of state.subscriptions) {
      session.subscriptions.set(subscription.filter, subscription);
    }
    for (const id of state.received) session.received.add(id);
  } else {
    session.queue.clear();
    session.queuedBytes = 0;
  }
  const older = seen === undefined ? [] : here.splice(0, session.imported);
  for (const outgoing of older) session.requeue(outgoing);
  for (const [index, entry] of state.entries.entries()) {
    const message = messages[index];
    if (message === undefined) break;
    message.origin = entry.origin;
    const key = messageKey(message);
    if (message.sequence > 0 && known.has(key)) continue;
    known.add(key);
    const { id, qos, retain, ids, released = false } = entry;
    const outgoing = { message: message.detach(), qos, retain, ids };
    if (id > 0) session.inflight.set(id, { ...outgoing, released });
    else session.requeue(outgoing);
  }
  if (seen === undefined) session.imported = session.queue.length;
  if (seen !== undefined) {
    // What came both ways stands where the old node had it, so the order is that node's.
    for (const outgoing of here) {
      if (!known.has(messageKey(outgoing.message))) session.requeue(outgoing);
    }
    session.ignoreAgain(known);
  }
  return known;
}
