import {
  type CheckMethod,
  expectStep,
  implicitConnect,
  numbered,
  type ProtocolVerdict,
  sendStep,
} from '../steps.ts';

/** BindRequest, message 1, version 3, anonymous, simple (RFC 4511, 4.2). */
const BIND = Buffer.from('300c020101600702010304008000', 'hex');
/** INTEGER 1 (the message's id), then the tag of BindResponse. */
const ID_AND_RESPONSE = Buffer.from('02010161', 'hex');
/** ENUMERATED of one byte: resultCode (RFC 4511, 4.1.9). */
const RESULT = Buffer.from('0a01', 'hex');
const MIN_RESPONSE = 14;
const NOT_LDAP = 'Not LDAPv3 protocol';

/** `option ldap-check`: an anonymous bind has to succeed. */
export function ldapCheck(): CheckMethod {
  return {
    kind: 'script',
    protocol: 'other',
    drainOn404: false,
    steps: [
      implicitConnect(),
      ...numbered([
        sendStep(BIND),
        expectStep(
          { kind: 'rbinary', pattern: /^30/ },
          { minReceived: MIN_RESPONSE, onError: () => NOT_LDAP },
        ),
        expectStep({ kind: 'protocol', judge: bindResponse }),
      ]),
    ],
  };
}

/** Bytes of the long form that a length has more (X.690, 8.1.3.5). */
const moreLength = (byte = 0): number => ((byte & 0x80) !== 0 ? byte & 0x7f : 0);

function bindResponse(input: Buffer, ended: boolean): ProtocolVerdict {
  const more = moreLength(input[1]);
  // Those that servers write: Active Directory writes four.
  if (more !== 0 && more !== 2 && more !== 4) return noLdap();
  const start = 2 + more;
  if (input.length < start) return ended ? { status: 'L7RSP' } : 'wait';
  const length = more === 0 ? input[1]! : input.readUIntBE(2, more);
  if (input.length < start + length) return ended ? { status: 'L7RSP' } : 'wait';
  if (!input.subarray(start, start + 4).equals(ID_AND_RESPONSE)) return noLdap();
  const result = start + 5 + moreLength(input[start + 4]);
  if (!input.subarray(result, result + 2).equals(RESULT)) return noLdap();
  const code = input[result + 2];
  if (code === undefined) return noLdap();
  if (code === 0) return { status: 'L7OK', code, info: 'Success' };
  const info = 'See RFC: http://tools.ietf.org/html/rfc4511#section-4.1.9';
  return { status: 'L7STS', code, info };
}

const noLdap = (): ProtocolVerdict => ({ status: 'L7RSP', info: NOT_LDAP });
