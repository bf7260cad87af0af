import type { SessionRow } from '#core/contracts/admin.ts';
import { nodeOfWorker } from '#core/contracts/workers.ts';
import type { SessionMeta } from '../session/meta.ts';
import type { SessionRegistry } from '../session/registry.ts';
import type { SessionIndex } from '../store/session-index.ts';

export interface ListedSessions {
  node: string;
  own: SessionRegistry;
  /** Those that the cluster has stored. */
  stored: SessionIndex | undefined;
  /** The node's other workers tell of their own. */
  siblings: boolean;
}

/** All sessions that this node knows of: its own, and those that the cluster has stored. */
export function* sessionRows(listed: ListedSessions): Generator<SessionRow> {
  const { node, own } = listed;
  for (const session of own.sessions) {
    const { clientId, user, outlet, expiryInterval, expiresAt } = session;
    yield {
      clientId,
      user,
      connected: outlet !== undefined,
      node,
      subscriptions: session.subscriptions.size,
      expiry: expiryInterval,
      endsAt: Number.isFinite(expiresAt) ? expiresAt : null,
      will: false,
    };
  }
  for (const meta of elsewhere(listed)) {
    yield {
      clientId: meta.clientId,
      user: meta.user,
      connected: meta.connected,
      node: ownerOf(meta),
      subscriptions: meta.subscriptions.length,
      expiry: meta.expiry,
      endsAt: meta.endsAt,
      will: meta.will !== undefined,
    };
  }
}

export function sessionCount(listed: ListedSessions): number {
  let count = 0;
  for (const _ of listed.own.sessions) count++;
  for (const _ of elsewhere(listed)) count++;
  return count;
}

function* elsewhere({ node, own, stored, siblings }: ListedSessions): Generator<SessionMeta> {
  for (const { meta } of stored?.sessions ?? []) {
    if (own.session(meta.clientId) !== undefined) continue;
    if (siblings && meta.connected && nodeOfWorker(ownerOf(meta)) === nodeOfWorker(node)) continue;
    yield meta;
  }
}

/** An owner is a node and, after the last #, its incarnation. */
function ownerOf({ owner }: SessionMeta): string {
  return owner.slice(0, Math.max(0, owner.lastIndexOf('#')));
}
