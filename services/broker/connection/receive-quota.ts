/**
 * PUBLISHes with QoS 1 and 2 that a client may have sent and that are not acknowledged: what CONNACK
 * announces to MQTT 5 clients (3.2.2.3.3). Some libraries do not look at it and send as much as they
 * have, so it is well above what the log has on its way for one client.
 */
export const RECEIVE_MAXIMUM = 4_096;

/**
 * The client's send quota (MQTT 5, 4.9) as the server can know it: it grows when an acknowledgement
 * leaves, so it is never behind the client's own count, and who keeps to that is never refused.
 */
export class ReceiveQuota {
  #left = RECEIVE_MAXIMUM;

  /** One more PUBLISH; false where the client had no quota left for it. */
  take(): boolean {
    return --this.#left >= 0;
  }

  /** PUBACK, PUBCOMP or a PUBREC with an error leaves, for whichever PUBLISH. */
  giveBack(): void {
    if (this.#left < RECEIVE_MAXIMUM) this.#left++;
  }
}
