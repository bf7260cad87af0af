import type { Timeouts } from '../model.ts';
import type { End } from './end.ts';

export interface Silence {
  /** When the first of two ends will have been silent too long. */
  at: number;
  /** Which: its letter in a termination code. */
  end: 'c' | 's';
}

/**
 * When an end will have been silent too long: only while something is expected of it, which is to
 * take what is being written, or to send when it may.
 */
function momentOf(end: End, limit: number | undefined): number {
  if (limit === undefined || !(end.writing || end.reading)) return Number.POSITIVE_INFINITY;
  return end.active + limit;
}

/** Of a client and its server, by the timeouts of the frontend and of the backend. */
export function silenceOf(client: End, server: End, front: Timeouts, back: Timeouts): Silence {
  const { tunnel } = back;
  const clientLimit = (client.finished ? front.clientFin : undefined) ?? tunnel ?? front.client;
  const serverLimit = (server.finished ? back.serverFin : undefined) ?? tunnel ?? back.server;
  const clientAt = momentOf(client, clientLimit);
  const serverAt = momentOf(server, serverLimit);
  return clientAt <= serverAt ? { at: clientAt, end: 'c' } : { at: serverAt, end: 's' };
}
