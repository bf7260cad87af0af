import { REASON } from '../codec/reason.ts';
import { addressKey } from '../limits/addresses.ts';
import type { Ban } from '../limits/bans.ts';
import type { SessionRegistry } from '../session/registry.ts';

/** Who imposed a ban, where an owner did. */
export const ADMIN = 'admin';

/** Disconnects those whom a ban is for; returns how many were connected here. */
export function disconnectBanned(
  sessions: Pick<SessionRegistry, 'connections'>,
  { kind, value }: Pick<Ban, 'kind' | 'value'>,
): number {
  let kicked = 0;
  for (const connection of [...sessions.connections]) {
    const { state, clientId, user, transport } = connection;
    const own = { client: clientId, user, address: addressKey(transport.remoteAddress) }[kind];
    if (state !== 'open' || own !== value) continue;
    connection.disconnect(REASON.ADMINISTRATIVE_ACTION, 'kicked');
    kicked++;
  }
  return kicked;
}
