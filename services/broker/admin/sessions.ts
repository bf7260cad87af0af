import type { SessionRow } from '#core/contracts/admin.ts';
import type { SessionRegistry } from '../session/registry.ts';
import type { SessionIndex } from '../store/session-index.ts';

/** All sessions that this node knows of: its own, and those that the cluster has stored. */
export function* sessionRows(
  node: string,
  own: SessionRegistry,
  stored: SessionIndex | undefined,
): Generator<SessionRow> {
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
  for (const { meta } of stored?.sessions ?? []) {
    if (own.session(meta.clientId) !== undefined) continue;
    yield {
      clientId: meta.clientId,
      user: meta.user,
      connected: meta.connected,
      // An owner is a node and, after the last #, its incarnation.
      node: meta.owner.slice(0, Math.max(0, meta.owner.lastIndexOf('#'))),
      subscriptions: meta.subscriptions.length,
      expiry: meta.expiry,
      endsAt: meta.endsAt,
      will: meta.will !== undefined,
    };
  }
}
