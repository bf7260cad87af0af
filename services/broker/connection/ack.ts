import { REASON } from '../codec/reason.ts';
import type { Connection } from './connection.ts';

export const PUBACK = 0x40;
export const PUBREC = 0x50;
export const PUBREL = 0x62;
export const PUBCOMP = 0x70;

/**
 * Writes an acknowledgement (3.4 to 3.7), with its reason where the version has one. One that ends
 * an exchange which the client began gives it room for another.
 */
export function sendAck(
  connection: Connection,
  first: number,
  packetId: number,
  reason: number,
): void {
  if (connection.state === 'closed') return;
  if (first === PUBACK || first === PUBCOMP || (first === PUBREC && reason >= 0x80)) {
    connection.receiveQuota.giveBack();
  }
  if (connection.version !== 5 || reason === REASON.SUCCESS) {
    connection.output.writeAck(first, packetId);
    return;
  }
  const bytes = Buffer.from([first, 3, packetId >>> 8, packetId & 0xff, reason]);
  connection.output.write(bytes);
}
