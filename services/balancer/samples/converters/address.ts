import type { ConverterTable } from '../converter.ts';
import { ExpressionError } from '../fetch.ts';
import { masked, maskOf, parseIpv4, parseIpv6 } from '../ip.ts';
import { address } from '../sample.ts';

function parseMask(text: string, length: 4 | 16): Uint8Array {
  const dotted = length === 4 ? parseIpv4(text) : parseIpv6(text);
  if (dotted) return dotted;
  if (!/^\d{1,3}$/.test(text) || Number(text) > 8 * length) {
    throw new ExpressionError(`invalid mask '${text}'`);
  }
  return maskOf(Number(text), length);
}

/** The IPv4 address in a mapped one (RFC 4291, 2.5.5.2). */
function mappedIn(six: Uint8Array): Uint8Array | undefined {
  const prefixed = six[10] === 0xff && six[11] === 0xff && !six.subarray(0, 10).some(Boolean);
  return prefixed ? six.slice(12) : undefined;
}

export const ADDRESS_CONVERTERS: ConverterTable = {
  ipmask: {
    in: 'addr',
    out: 'addr',
    usage: '<mask4>[,<mask6>]',
    args: [1, 2],
    summary: 'the network that an address is in',
    make: ([four = '', six]) => {
      const mask4 = parseMask(four, 4);
      const mask6 = six === undefined ? undefined : parseMask(six, 16);
      return (sample) => {
        const bytes = sample.value as Uint8Array;
        const four = bytes.length === 4 ? bytes : mappedIn(bytes);
        if (four) return address(masked(four, mask4));
        return mask6 && address(masked(bytes, mask6));
      };
    },
  },
};
