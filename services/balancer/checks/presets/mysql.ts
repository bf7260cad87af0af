import {
  type CheckMethod,
  type CheckStep,
  connectStep,
  expectStep,
  numbered,
  type ProtocolVerdict,
  sendStep,
} from '../steps.ts';

/** MySQL client/server protocol, "Protocol::Packet": 3 bytes of length, 1 of sequence. */
const HEADER = 4;
/** "ERR_Packet". */
const ERROR = 0xff;
const COM_QUIT = [1, 0, 0, 0, 1];

/** `option mysql-check [user <name> [post-41|pre-41]]`. */
export function mysqlCheck(user?: string, dialect: 'post-41' | 'pre-41' = 'post-41'): CheckMethod {
  const steps: CheckStep[] = [connectStep({ defaults: true, linger: true })];
  const last = user === undefined;
  // The server speaks first; what is sent before it does is as good.
  if (!last) steps.push(sendStep(login(user, dialect)));
  steps.push(
    expectStep({ kind: 'protocol', judge: (input, ended) => packet(input, 0, ended, last) }),
  );
  if (!last) {
    const judge = (input: Buffer, ended: boolean): ProtocolVerdict =>
      packet(input, HEADER + lengthAt(input, 0), ended, true);
    steps.push(expectStep({ kind: 'protocol', judge }));
  }
  return { kind: 'script', protocol: 'other', steps: numbered(steps), drainOn404: false };
}

/** "HandshakeResponse" without a password, and COM_QUIT behind it. */
function login(user: string, dialect: 'post-41' | 'pre-41'): Buffer {
  const name = [...Buffer.from(user), 0];
  const body =
    dialect === 'post-41'
      ? // Capabilities, largest packet, character set UTF-8, 23 bytes unused, no password.
        [0x00, 0x82, 0, 0, 0, 0x80, 0, 1, 0x21, ...new Array<number>(23).fill(0), ...name, 0]
      : [0x00, 0x80, 0, 0, 1, ...name, 0];
  const length = Buffer.alloc(HEADER);
  length.writeUIntLE(body.length, 0, 3);
  length[3] = 1;
  return Buffer.from([...length, ...body, ...COM_QUIT]);
}

const lengthAt = (input: Buffer, at: number): number =>
  input.length < at + 3 ? 0 : input.readUIntLE(at, 3);

/** Judges the packet that begins at `at`; the name of the version stands in the last one. */
function packet(input: Buffer, at: number, ended: boolean, last: boolean): ProtocolVerdict {
  const end = at + HEADER + lengthAt(input, at);
  if (input.length < at + HEADER || input.length < end) {
    return ended ? { status: 'L7RSP' } : 'wait';
  }
  if (input[at + HEADER] === ERROR) {
    const code = input.length < at + 7 ? 0 : input.readUInt16LE(at + 5);
    return { status: 'L7STS', code, info: input.toString('latin1', at + 7) };
  }
  if (!last) return 'next';
  const zero = input.indexOf(0, 5);
  return { status: 'L7OK', info: input.toString('latin1', 5, zero < 0 ? input.length : zero) };
}
