import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { hashOfAddress } from '../../../../../services/balancer/policies/hashing/address.ts';
import {
  formParameterOf,
  parameterOf,
  uriKey,
} from '../../../../../services/balancer/policies/hashing/keys.ts';
import { rdpCookie } from '../../../../../services/balancer/policies/hashing/rdp-cookie.ts';
import { NO_HASH } from '../../../../../services/balancer/policies/hashing/subject.ts';

describe('keys', () => {
  it('take the words of an address together', () => {
    expect(hashOfAddress('127.0.0.1')).toBe(0x7f000001);
    expect(hashOfAddress('255.255.255.255')).toBe(0xffffffff);
    expect(hashOfAddress('::1')).toBe(1);
    expect(hashOfAddress('2001:db8::7')).toBe((0x20010db8 ^ 7) >>> 0);
    expect(hashOfAddress('::ffff:10.0.0.1')).toBe((0xffff ^ 0x0a000001) >>> 0);
    expect(hashOfAddress('')).toBe(NO_HASH);
    fc.assert(
      fc.property(fc.ipV4(), (address) => {
        const word = address.split('.').reduce((sum, part) => sum * 256 + Number(part), 0);
        expect(hashOfAddress(address)).toBe(word);
      }),
    );
    fc.assert(
      fc.property(fc.ipV6(), (address) => {
        expect(hashOfAddress(address)).toBeGreaterThanOrEqual(0);
      }),
    );
  });

  it('never fail, whatever the target, and are parts of it', () => {
    const options = fc.record({
      name: fc.constant('uri' as const),
      whole: fc.boolean(),
      pathOnly: fc.boolean(),
      length: fc.nat(20),
      depth: fc.nat(4),
    });
    fc.assert(
      fc.property(fc.webUrl({ withQueryParameters: true }), options, (target, how) => {
        const key = uriKey(target, how);
        expect(target).toContain(key);
        if (how.length > 0) expect(key.length).toBeLessThanOrEqual(how.length);
        if (!how.whole) expect(key).not.toContain('?');
      }),
    );
    fc.assert(
      fc.property(fc.string(), fc.string({ minLength: 1 }), (target, name) => {
        parameterOf(target, name);
        formParameterOf(target, name);
      }),
    );
  }, 60_000);

  it('find a parameter by its whole name', () => {
    expect(parameterOf('/a?xid=1&id=2&id=3', 'id')).toBe('2');
    expect(parameterOf('/a?id', 'id')).toBeUndefined();
    expect(parameterOf('/id=1', 'id')).toBeUndefined();
    expect(parameterOf('/?id=', 'id')).toBe('');
    expect(formParameterOf('a=1&id=/x', 'id')).toBeUndefined();
    expect(formParameterOf('a=1&id=x/', 'id')).toBe('x/');
  });

  it('read the cookie of an RDP client, in as many pieces as it may come', () => {
    const line = 'Cookie: mstshash=alice\r\n';
    const packet = Buffer.concat([
      Buffer.from([3, 0, 0, 11 + line.length + 8, 6 + line.length + 8, 0xe0, 0, 0, 0, 0, 0]),
      Buffer.from(line),
      Buffer.from([1, 0, 8, 0, 3, 0, 0, 0]),
    ]);
    expect(rdpCookie([packet], 'mstshash')).toBe('alice');
    expect(rdpCookie([packet], 'MSTSHASH')).toBe('alice');
    expect(rdpCookie([packet], '')).toBe('alice');
    expect(rdpCookie([packet], 'msts')).toBeUndefined();
    for (let cut = 1; cut < packet.length; cut++) {
      expect(rdpCookie([packet.subarray(0, cut), packet.subarray(cut)], '')).toBe('alice');
      if (cut < 11 + line.length) expect(rdpCookie([packet.subarray(0, cut)], '')).toBeUndefined();
    }
    fc.assert(
      fc.property(fc.array(fc.uint8Array()), (parts) => {
        rdpCookie(
          parts.map((part) => Buffer.from(part)),
          'x',
        );
      }),
    );
  });
});
