import type { Epoch } from '../cluster/clock.ts';
import type { Will } from '../codec/will.ts';
import type { Subscription } from './subscription.ts';

/**
 * What the cluster knows of a session beyond its place in the log: who has it, its subscriptions,
 * when it ends, its will. Written when one of these changes, by compare-and-set.
 */
export interface SessionMeta {
  clientId: string;
  user: string;
  /** Node and incarnation of the broker that has it, or had it last. */
  owner: string;
  /** Of the connection that took it; a later one wins. */
  epoch: Epoch;
  /** Session expiry interval, seconds; NEVER. */
  expiry: number;
  connected: boolean;
  /** When it ends, milliseconds since the epoch; 0 while connected; null = never. */
  endsAt: number | null;
  will: Will | undefined;
  /** When the will is due, milliseconds since the epoch; 0 = while connected it is not. */
  willAt: number;
  /** Broker (as `owner`) that has begun to publish the will. */
  firing: string | undefined;
  subscriptions: Subscription[];
}

interface StoredWill extends Omit<Will, 'payload' | 'properties'> {
  payload: string;
  properties: string;
}

type Stored = Omit<SessionMeta, 'will'> & { will?: StoredWill; v: 1 };

export function encodeMeta(meta: SessionMeta): Buffer {
  const { will, ...rest } = meta;
  const stored: Stored = { ...rest, v: 1 };
  if (will !== undefined) {
    const { payload, properties } = will;
    stored.will = {
      ...will,
      payload: payload.toString('base64'),
      properties: properties.toString('base64'),
    };
  }
  return Buffer.from(JSON.stringify(stored));
}

/** Undefined for one of another version, or none. */
export function decodeMeta(bytes: Buffer): SessionMeta | undefined {
  if (bytes.length === 0) return undefined;
  const { will, v, ...rest } = JSON.parse(bytes.toString()) as Stored;
  if (v !== 1) return undefined;
  return {
    ...rest,
    firing: rest.firing,
    will: will && {
      ...will,
      payload: Buffer.from(will.payload, 'base64'),
      properties: Buffer.from(will.properties, 'base64'),
    },
  };
}
