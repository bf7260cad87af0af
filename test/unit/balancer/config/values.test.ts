// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the language writes variables like this.
import { describe, expect, test } from 'vitest';
import { parseAddress } from '../../../../services/balancer/config/address.ts';
import {
  describeDurationError,
  MAX_DURATION,
  parseDuration,
} from '../../../../services/balancer/config/duration.ts';
import { expandAddress } from '../../../../services/balancer/config/expand.ts';

describe('durations', () => {
  test.each<[string, number]>([
    ['0', 0],
    ['500', 500],
    ['500ms', 500],
    ['5s', 5000],
    ['2m', 120_000],
    ['3h', 10_800_000],
    ['1d', 86_400_000],
    ['1us', 1],
    ['0us', 0],
    ['1500us', 2],
    ['3000us', 3],
    ['24d', 2_073_600_000],
    [String(MAX_DURATION), MAX_DURATION],
  ])('%s is %d ms', (text, expected) => {
    expect(parseDuration(text)).toEqual({ value: expected });
  });

  test('a bare number has the unit that the keyword says', () => {
    expect(parseDuration('5', 's')).toEqual({ value: 5000 });
    expect(parseDuration('5ms', 's')).toEqual({ value: 5 });
  });

  test.each<[string, string]>([
    ['', "'x' expects an integer value (in milliseconds)"],
    ['abc', "unexpected character 'a' in 'x'"],
    ['-1', "unexpected character '-' in 'x'"],
    ['5q', "unexpected character 'q' in 'x'"],
    ['1.5s', "unexpected character '.' in 'x'"],
    ['1s500', "unexpected character '5' in 'x'"],
    ['1D', "unexpected character 'D' in 'x'"],
    [
      '25d',
      "timer overflow in argument '25d' to 'x' (maximum value is 2147483647 ms or ~24.8 days)",
    ],
  ])('%j is an error', (text, expected) => {
    const { error } = parseDuration(text);
    expect(error && describeDurationError(error, text, "'x'")).toBe(expected);
  });
});

const environment = new Map([
  ['HOST', '10.0.0.1'],
  ['PORT', '8080'],
]);

describe('addresses', () => {
  const one = (port: number) => ({ first: port, last: port });

  test.each([
    [':80', '', 0, one(80)],
    ['*:80', '', 0, one(80)],
    ['127.0.0.1:80', '127.0.0.1', 4, one(80)],
    ['127.0.0.1', '127.0.0.1', 4, undefined],
    ['127.0.0.1:', '127.0.0.1', 4, undefined],
    ['[::1]:80', '::1', 6, one(80)],
    ['::1:80', '::1', 6, one(80)],
    [':::80', '::', 6, one(80)],
    ['[::]:80', '::', 6, one(80)],
    ['ipv4@:80', '', 4, one(80)],
    ['ipv6@:80', '::', 6, one(80)],
    ['ipv6@*:80', '::', 6, one(80)],
    ['ipv4@localhost:80', 'localhost', 4, one(80)],
    ['localhost:80', 'localhost', 0, one(80)],
    ['my-host_1.lan:80', 'my-host_1.lan', 0, one(80)],
    [':8000-8010', '', 0, { first: 8000, last: 8010 }],
    ['$HOST:$PORT', '10.0.0.1', 4, one(8080)],
    ['${HOST}:${PORT}', '10.0.0.1', 4, one(8080)],
    ['${HOST}:${MISSING-81}', '10.0.0.1', 4, one(81)],
  ])('%s', (text, host, family, ports) => {
    expect(parseAddress(text, environment)).toEqual({ address: { host, family, ports } });
  });

  test.each<[string, string]>([
    [':0', "invalid port '0'"],
    [':65536', "invalid port '65536'"],
    [':90-80', "invalid port range '90-80'"],
    [':80-', "invalid port range '80-'"],
    [':1-2-3', "invalid port range '1-2-3'"],
    [':+1', "port offset not permitted here in ':+1'"],
    [':-1', "port offset not permitted here in ':-1'"],
    [':http', "invalid character 'h' in port number 'http' in ':http'"],
    ['1.2.3.4.5:80', "invalid address: '1.2.3.4.5' in '1.2.3.4.5:80'"],
    ['999.1.1.1:80', "invalid address: '999.1.1.1' in '999.1.1.1:80'"],
    ['[::1:80', "invalid address: '[::1' in '[::1:80'"],
    ['[1.2.3.4]:80', "invalid address: '[1.2.3.4]' in '[1.2.3.4]:80'"],
    ['ipv4@[::1]:80', "invalid address: '[::1]' in 'ipv4@[::1]:80'"],
    ['ipv6@1.2.3.4:80', "invalid address: '1.2.3.4' in 'ipv6@1.2.3.4:80'"],
    ['a b:80', "invalid address: 'a b' in 'a b:80'"],
    ['/run/x.sock', "'unix' addresses are not supported here in '/run/x.sock'"],
    ['unix@/run/x', "'unix' addresses are not supported here in 'unix@/run/x'"],
    ['fd@3', "'fd' addresses are not supported here in 'fd@3'"],
    ['${HOST:80', "unmatched brace in environment variable name in '${HOST:80'"],
  ])('%s is an error', (text, expected) => {
    expect(parseAddress(text, environment)).toEqual({ error: expected });
  });

  test('an unset variable is empty, and text without one is left alone', () => {
    expect(expandAddress('$MISSING:${MISSING}', environment)).toEqual({ text: ':' });
    expect(expandAddress('a$:$1', environment)).toEqual({ text: 'a$:$1' });
  });
});
