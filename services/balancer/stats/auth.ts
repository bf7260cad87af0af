import { createHash, timingSafeEqual } from 'node:crypto';
import type { StatsConfig } from '../model.ts';

/**
 * Whether an `authorization` value names one of the users (RFC 7617). Without users the page is
 * open. Every user is compared, at the same cost whatever was sent.
 */
export function authorized(
  users: StatsConfig['users'],
  authorization: string | undefined,
): boolean {
  if (users.length === 0) return true;
  const match = /^basic +([A-Za-z0-9+/=]+)$/i.exec(authorization ?? '');
  const given = digest(match ? Buffer.from(match[1]!, 'base64') : Buffer.alloc(0));
  let found = false;
  for (const { user, password } of users) {
    if (timingSafeEqual(given, digest(Buffer.from(`${user}:${password}`)))) found = true;
  }
  return found && match !== null;
}

/** Equal lengths for the comparison. */
function digest(bytes: Buffer): Buffer {
  return createHash('sha256').update(bytes).digest();
}
