import { REASON } from '../codec/reason.ts';
import type { SubscribePacket } from '../codec/subscribe-decode.ts';
import type { Connection } from '../connection/connection.ts';

/** SUBACK's only refusal in MQTT 3.1.1 (3.9.3). */
const FAILURE = 0x80;

/**
 * Whether the session may have all that the SUBSCRIBE asks for; otherwise it is answered here, with
 * a refusal of each filter: half a SUBSCRIBE helps nobody.
 */
export function withinQuota(connection: Connection, packet: SubscribePacket): boolean {
  const { context, clientId, user, version, transport } = connection;
  const { subscriptions } = connection.session!;
  const { requests, packetId } = packet;
  const maximum = context.limits.subscriptions;
  if (subscriptions.size + requests.length <= maximum) return true;
  const filters = new Set(requests.map(({ filter }) => filter));
  let added = 0;
  for (const filter of filters) if (!subscriptions.has(filter)) added++;
  if (subscriptions.size + added <= maximum) return true;
  const address = transport.remoteAddress;
  const why = `more than ${maximum} subscriptions`;
  const reason = REASON.QUOTA_EXCEEDED;
  context.audit.refuse('subscribe', { clientId, user, address, reason, why });
  const code = version === 5 ? reason : FAILURE;
  const granted = requests.map(() => code);
  connection.sendPacket({ cmd: 'suback', messageId: packetId, granted });
  return false;
}
