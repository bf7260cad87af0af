import { createHash, hkdfSync, randomBytes } from 'node:crypto';
import { getEnvironmentData, setEnvironmentData } from 'node:worker_threads';
import type { BindTls } from './config.ts';

/** Name ‖ HMAC key ‖ AES key, as the runtime takes them. */
const KEY_BYTES = 48;
const SECRET = 'bramble-balancer ticket secret';

/** What all ticket keys of the process are made from. Workers that start later have the same. */
export function ticketSecret(): Uint8Array {
  const known = getEnvironmentData(SECRET);
  if (known instanceof Uint8Array) return known;
  const secret = new Uint8Array(randomBytes(32));
  setEnvironmentData(SECRET, secret);
  return secret;
}

/**
 * Keys of the session tickets of a listener (RFC 5077): a session is resumed by any worker and after
 * a reload, but only where certificates and the demands on clients are the very same.
 */
export function ticketKeysOf(bind: BindTls): Buffer {
  const { entries, verify, authorities, crls, ignoredErrors, protocol } = bind;
  const chains = entries.flatMap(({ certificates }) => certificates.map(({ chain }) => chain));
  const ignored = ignoredErrors === 'all' ? ignoredErrors : [...ignoredErrors].toSorted();
  const identity = JSON.stringify([chains, verify, authorities, crls, ignored, protocol]);
  const info = createHash('sha256').update(identity).digest();
  return Buffer.from(hkdfSync('sha256', ticketSecret(), new Uint8Array(0), info, KEY_BYTES));
}
