import type { Broker } from '../broker.ts';

/** Sums over what lives now: asked every few seconds, never for a message. */
export interface Totals {
  /** All bytes to clients since the start. */
  bytesOut: number;
  /** QoS 1 and 2 that are sent and not acknowledged. */
  inflight: number;
  /** Messages outside the log that wait for their sessions, and their bytes. */
  queued: number;
  queuedBytes: number;
  /** Sessions that read the log on their own. */
  behind: number;
  sharedSubscriptions: number;
}

export function totalsOf(broker: Broker): Totals {
  const totals: Totals = {
    bytesOut: broker.counters.endedBytesOut,
    inflight: 0,
    queued: 0,
    queuedBytes: 0,
    behind: 0,
    sharedSubscriptions: 0,
  };
  for (const { transport, state } of broker.sessions.connections) {
    if (state !== 'closed') totals.bytesOut += transport.bytesOut;
  }
  for (const session of broker.sessions.sessions) {
    totals.inflight += session.inflight.size;
    totals.queued += session.queue.length;
    totals.queuedBytes += session.queuedBytes;
    if (session.isBehind) totals.behind++;
  }
  for (const [, members] of broker.router.shares()) totals.sharedSubscriptions += members;
  return totals;
}
