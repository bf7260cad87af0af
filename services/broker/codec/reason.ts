/** Reason codes of MQTT 5 (2.4) that a server of ours sends. */
export const REASON = {
  SUCCESS: 0x00,
  DISCONNECT_WITH_WILL: 0x04,
  NO_MATCHING_SUBSCRIBERS: 0x10,
  NO_SUBSCRIPTION_EXISTED: 0x11,
  UNSPECIFIED: 0x80,
  MALFORMED: 0x81,
  PROTOCOL_ERROR: 0x82,
  IMPLEMENTATION_SPECIFIC: 0x83,
  UNSUPPORTED_VERSION: 0x84,
  CLIENT_ID_NOT_VALID: 0x85,
  BAD_CREDENTIALS: 0x86,
  NOT_AUTHORIZED: 0x87,
  SERVER_UNAVAILABLE: 0x88,
  SERVER_BUSY: 0x89,
  BANNED: 0x8a,
  SERVER_SHUTTING_DOWN: 0x8b,
  BAD_AUTHENTICATION_METHOD: 0x8c,
  KEEP_ALIVE_TIMEOUT: 0x8d,
  SESSION_TAKEN_OVER: 0x8e,
  TOPIC_FILTER_INVALID: 0x8f,
  TOPIC_NAME_INVALID: 0x90,
  PACKET_ID_IN_USE: 0x91,
  PACKET_ID_NOT_FOUND: 0x92,
  RECEIVE_MAXIMUM_EXCEEDED: 0x93,
  TOPIC_ALIAS_INVALID: 0x94,
  PACKET_TOO_LARGE: 0x95,
  QUOTA_EXCEEDED: 0x97,
  ADMINISTRATIVE_ACTION: 0x98,
  PAYLOAD_FORMAT_INVALID: 0x99,
  SHARED_SUBSCRIPTIONS_NOT_SUPPORTED: 0x9e,
  CONNECTION_RATE_EXCEEDED: 0x9f,
} as const;

const NAMES: ReadonlyMap<number, string> = new Map(
  Object.entries(REASON).map(([name, code]) => [code, name.toLowerCase().replaceAll('_', ' ')]),
);

/** The reason code in words, for logs. */
export function reasonName(reason: number): string {
  return NAMES.get(reason) ?? `reason ${reason}`;
}

/** CONNACK return codes of MQTT 3.1.1 (3.2.2.3) for the reason codes that have one. */
const RETURN_CODES: ReadonlyMap<number, number> = new Map([
  [REASON.UNSUPPORTED_VERSION, 1],
  [REASON.CLIENT_ID_NOT_VALID, 2],
  [REASON.SERVER_UNAVAILABLE, 3],
  [REASON.SERVER_BUSY, 3],
  [REASON.QUOTA_EXCEEDED, 3],
  [REASON.CONNECTION_RATE_EXCEEDED, 3],
  [REASON.BAD_CREDENTIALS, 4],
  [REASON.NOT_AUTHORIZED, 5],
  [REASON.BANNED, 5],
]);

/** The 3.1.1 CONNACK code, or undefined where 3.1.1 knows nothing but to close. */
export function returnCodeOf(reason: number): number | undefined {
  return reason === REASON.SUCCESS ? 0 : RETURN_CODES.get(reason);
}

/** A fault of the client that ends its connection. `reason` is what MQTT 5 clients are told. */
export class ProtocolFault extends Error {
  readonly reason: number;

  constructor(reason: number, message: string) {
    super(message);
    this.name = 'ProtocolFault';
    this.reason = reason;
  }
}
