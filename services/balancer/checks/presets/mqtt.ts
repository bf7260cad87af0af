import {
  type CheckMethod,
  connectStep,
  expectStep,
  numbered,
  type ProtocolVerdict,
  sendStep,
} from '../steps.ts';

export interface MqttCheckOptions {
  /** Protocol level: 4 = MQTT 3.1.1 (default), 5 = MQTT 5. */
  version?: 4 | 5;
  clientId?: string;
  user?: string;
  password?: string;
  /**
   * Bad credentials and "not authorized" are good answers as well: whoever says so has looked at
   * the CONNECT, and no secret need stand in the configuration.
   */
  acceptRefusal?: boolean;
}

const DEFAULT_CLIENT_ID = 'bramble-check';
const CONNACK = 0x20;
const DISCONNECT = Buffer.from([0xe0, 0]);
/** Longest CONNACK that is waited for, bytes: one of MQTT 5 may carry properties. */
const MAX_CONNACK = 4096;

/** Return codes that refuse the credentials, and no more: MQTT 3.1.1, 3.2.2.3; MQTT 5, 3.2.2.2. */
const REFUSALS = { 4: [4, 5], 5: [0x86, 0x87, 0x8c] } as const;

const REASONS: Readonly<Record<number, string>> = {
  1: 'unacceptable protocol version',
  2: 'identifier rejected',
  3: 'server unavailable',
  4: 'bad user name or password',
  5: 'not authorized',
  132: 'unsupported protocol version',
  133: 'client identifier not valid',
  134: 'bad user name or password',
  135: 'not authorized',
  136: 'server unavailable',
  137: 'server busy',
  138: 'banned',
  151: 'quota exceeded',
  159: 'connection rate exceeded',
};

/**
 * `option mqtt-check`: CONNECT with a clean session, CONNACK, DISCONNECT. The client id is fixed,
 * so that checks neither fill the server's log with names nor leave sessions behind.
 */
export function mqttCheck(options: MqttCheckOptions = {}): CheckMethod {
  const { version = 4 } = options;
  const judge = (input: Buffer, ended: boolean): ProtocolVerdict =>
    connack(input, ended, version, options.acceptRefusal === true);
  return {
    kind: 'script',
    protocol: 'other',
    drainOn404: false,
    steps: numbered([
      connectStep({ defaults: true, linger: true }),
      sendStep(connect(options)),
      expectStep({ kind: 'protocol', judge }, { code: ({ input }) => input[3] }),
      sendStep(DISCONNECT),
    ]),
  };
}

/** MQTT 3.1.1 and MQTT 5, section 3.1. */
function connect({ version = 4, clientId = DEFAULT_CLIENT_ID, user, password }: MqttCheckOptions) {
  const CLEAN = 0x02;
  const flags = CLEAN | (user === undefined ? 0 : 0x80) | (password === undefined ? 0 : 0x40);
  const KEEPALIVE = [0, 60];
  const parts = [
    text('MQTT'),
    Buffer.from([version, flags, ...KEEPALIVE, ...(version === 5 ? [0] : [])]),
    text(clientId),
  ];
  if (user !== undefined) parts.push(text(user));
  if (password !== undefined) parts.push(text(password));
  const body = Buffer.concat(parts);
  return Buffer.concat([Buffer.from([0x10, ...variableInteger(body.length)]), body]);
}

function text(value: string): Buffer {
  const bytes = Buffer.from(value);
  const length = Buffer.alloc(2);
  length.writeUInt16BE(bytes.length);
  return Buffer.concat([length, bytes]);
}

function variableInteger(value: number): number[] {
  const bytes: number[] = [];
  let rest = value;
  do {
    const low = rest & 0x7f;
    rest >>= 7;
    bytes.push(rest > 0 ? low | 0x80 : low);
  } while (rest > 0);
  return bytes;
}

/** Section 3.2 of both: the packet's type, its length, flags, the return or reason code. */
function connack(
  input: Buffer,
  ended: boolean,
  version: 4 | 5,
  acceptRefusal: boolean,
): ProtocolVerdict {
  const more = (): ProtocolVerdict =>
    ended ? { status: 'L7RSP', info: 'CONNACK cut short' } : 'wait';
  if (input.length === 0) return more();
  if (input[0] !== CONNACK) return { status: 'L7RSP', info: 'Not a CONNACK' };
  let length = 0;
  let at = 1;
  for (let shift = 0; ; shift += 7, at += 1) {
    const byte = input[at];
    if (byte === undefined) return more();
    length |= (byte & 0x7f) << shift;
    if ((byte & 0x80) === 0) break;
    if (shift >= 21) return { status: 'L7RSP', info: 'Not a CONNACK' };
  }
  const from = at + 1;
  if (length < (version === 5 ? 3 : 2) || length > MAX_CONNACK || (version === 4 && length > 2)) {
    return { status: 'L7RSP', info: 'Not a CONNACK' };
  }
  if (input.length < from + length) return more();
  const flags = input[from]!;
  const code = input[from + 1]!;
  if (flags > 1) return { status: 'L7RSP', info: 'Not a CONNACK' };
  if (code === 0) return 'next';
  const info = REASONS[code] ?? 'refused';
  const refused: readonly number[] = REFUSALS[version];
  if (acceptRefusal && refused.includes(code)) return { status: 'L7OK', code, info };
  return { status: 'L7STS', code, info };
}
