import { describe, expect, test } from 'vitest';
import {
  BAD_REQUEST,
  BODY_CHUNKED,
  fieldOf,
  fieldsOf,
  INCOMPLETE,
  UNPROCESSABLE,
} from '../../../../services/balancer/http/head.ts';
import { goodRequest, request } from './heads.ts';

const get = (fields: string): string => `GET / HTTP/1.1\r\n${fields}\r\n`;
const post = (fields: string): string => `POST / HTTP/1.1\r\nHost: a\r\n${fields}\r\n`;

describe('canonical form', () => {
  test('lower case names, one blank, order and values kept', () => {
    const head = goodRequest(get('Host: A\r\nX-Foo:\t Bar baz \t\r\nACCEPT:x\r\n'));
    expect(head.text).toBe('GET / HTTP/1.1\r\nhost: A\r\nx-foo: Bar baz\r\naccept: x\r\n');
    expect(head.text.slice(0, head.lineLength)).toBe('GET / HTTP/1.1');
    expect([...fieldsOf(head)]).toEqual([
      ['host', 'A'],
      ['x-foo', 'Bar baz'],
      ['accept', 'x'],
    ]);
    expect(fieldOf(head, 'x-foo')).toBe('Bar baz');
    expect(fieldOf(head, 'foo')).toBeUndefined();
  });

  test('folded lines become one', () => {
    expect(goodRequest(get('X: a\r\n \r\n\tb\r\n')).text).toContain('\r\nx: a     \tb\r\n');
    expect(goodRequest(get('X:\r\n a\r\n')).text).toContain('\r\nx: a\r\n');
  });

  test('bare LF ends lines, empty lines before the request are skipped', () => {
    const text = '\r\n\nGET / HTTP/1.1\nHost: a\n\n';
    const head = goodRequest(text);
    expect(head.text).toBe('GET / HTTP/1.1\r\nhost: a\r\n');
    expect(head.consumed).toBe(text.length);
  });

  test('the log keeps the version that the client wrote', () => {
    const head = goodRequest('GET /x HTTP/2.0\r\n\r\n');
    expect(head.requestLine).toBe('GET /x HTTP/2.0');
    expect(head.text).toBe('GET /x HTTP/1.1\r\n');
  });

  test('counts a head as HAProxy does', () => {
    // Start line 20 + 3 + 1 + 8, `host` 5, end 1.
    expect(goodRequest(get('Host: a\r\n')).counted).toBe(38);
    expect(goodRequest(get('Host: a\r\nConnection: close\r\n')).counted).toBe(38);
  });
});

describe('connection', () => {
  test.each([
    ['HTTP/1.1', '', true],
    ['HTTP/1.1', 'Connection: close\r\n', false],
    ['HTTP/1.1', 'Connection: x, CLOSE\r\n', false],
    ['HTTP/1.0', '', false],
    ['HTTP/1.0', 'Connection: Keep-Alive\r\n', true],
    ['HTTP/1.0', 'Connection: keep-alive, close\r\n', false],
  ])('%s %j: kept %s', (version, fields, keep) => {
    const head = goodRequest(`GET / ${version}\r\n${fields}\r\n`);
    expect(head.keepAlive).toBe(keep);
    expect(head.text).not.toMatch(/keep-alive|close/i);
  });

  test('other options of it go on', () => {
    expect(goodRequest(get('Connection: close, X-A\r\n')).text).toContain('connection: X-A\r\n');
    expect(goodRequest(get('Connection: X-A ,X-B\r\n')).text).toContain('connection: X-A ,X-B\r\n');
  });

  test('upgrade only with its option, in 1.1, without a body', () => {
    const asked = 'Connection: Upgrade\r\nUpgrade: foo\r\n';
    expect(goodRequest(get(asked)).upgrade).toBe(true);
    expect(goodRequest(get('Upgrade: foo\r\n')).upgrade).toBe(false);
    expect(goodRequest(`GET / HTTP/1.0\r\n${asked}\r\n`).upgrade).toBe(false);
    const withBody = goodRequest(post(`${asked}Content-Length: 1\r\n`));
    expect(withBody.upgrade).toBe(false);
    expect(withBody.text).not.toContain('upgrade: foo');
  });

  test('a WebSocket needs its key', () => {
    const asked = 'Connection: Upgrade\r\nUpgrade: websocket\r\n';
    expect(request(get(asked))).toBe(BAD_REQUEST);
    expect(goodRequest(get(`${asked}Sec-WebSocket-Key: x\r\n`)).upgrade).toBe(true);
  });
});

describe('framing', () => {
  test.each([
    ['', 0],
    ['Content-Length: 5\r\n', 5],
    ['Content-Length: 5, 5\r\n', 5],
    ['Content-Length: 5\r\nContent-Length: 05\r\n', 5],
    ['Transfer-Encoding: chunked\r\n', BODY_CHUNKED],
    ['Transfer-Encoding: Chunked,\r\n', BODY_CHUNKED],
    ['Content-Length: 5\r\nTransfer-Encoding: chunked\r\n', BODY_CHUNKED],
  ])('%j: body %d', (fields, body) => {
    expect(goodRequest(post(fields)).body).toBe(body);
  });

  test('one length goes on, and none beside chunked', () => {
    const lengths = goodRequest(post('Content-Length: 5, 5\r\nContent-Length: 5\r\n')).text;
    expect(lengths.match(/content-length: 5\r\n/g)).toHaveLength(1);
    const both = goodRequest(post('Content-Length: 5\r\nTransfer-Encoding: chunked\r\n'));
    expect(both.text).not.toContain('content-length');
    expect(both.keepAlive).toBe(false);
  });

  test.each([
    ['Content-Length: 5\r\nContent-Length: 6\r\n', BAD_REQUEST],
    ['Content-Length: 5, 6\r\n', BAD_REQUEST],
    ['Content-Length: +5\r\n', BAD_REQUEST],
    ['Content-Length: 5 5\r\n', BAD_REQUEST],
    ['Content-Length:\r\n', BAD_REQUEST],
    ['Content-Length: 9007199254740993\r\n', BAD_REQUEST],
    ['Transfer-Encoding: chunked, gzip\r\n', BAD_REQUEST],
    ['Transfer-Encoding: gzip\r\n', BAD_REQUEST],
    ['Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n', BAD_REQUEST],
    ['Transfer-Encoding:\x0bchunked\r\n', BAD_REQUEST],
    ['Transfer-Encoding: \xa0chunked\r\n', BAD_REQUEST],
    ['Transfer-Encoding: gzip, chunked\r\n', UNPROCESSABLE],
    ['Transfer-Encoding : chunked\r\n', BAD_REQUEST],
    ['Content-Length\t: 5\r\n', BAD_REQUEST],
  ])('%j: refused', (fields, status) => {
    expect(request(post(fields))).toBe(status);
  });
});

describe('targets and Host', () => {
  test.each([
    ['GET / HTTP/1.1', 'a'],
    ['OPTIONS * HTTP/1.1', 'a'],
    ['GET http://a/x HTTP/1.1', 'A'],
    ['GET http://a:80/x HTTP/1.1', 'a'],
    ['GET https://a/x HTTP/1.1', 'a:443'],
    ['CONNECT a:443 HTTP/1.1', 'a'],
    ['CONNECT [::1]:8443 HTTP/1.1', '[::1]:8443'],
  ])('%s for %s passes', (line, host) => {
    goodRequest(`${line}\r\nHost: ${host}\r\n\r\n`);
  });

  test.each([
    ['GET http://b/x HTTP/1.1', 'a'],
    ['GET http://a:81/x HTTP/1.1', 'a'],
    ['GET x HTTP/1.1', 'a'],
    ['CONNECT a HTTP/1.1', 'a'],
    ['CONNECT /x HTTP/1.1', 'a'],
    ['CONNECT a:8443 HTTP/1.1', 'a'],
    ['PRI * HTTP/2.0', 'a'],
  ])('%s for %s is refused', (line, host) => {
    expect(request(`${line}\r\nHost: ${host}\r\n\r\n`)).toBe(BAD_REQUEST);
  });

  test('Host twice: the same is one, different is refused', () => {
    expect(goodRequest(get('Host: a\r\nHost: A\r\n')).text.match(/host/g)).toHaveLength(1);
    expect(request(get('Host: a\r\nHost: b\r\n'))).toBe(BAD_REQUEST);
    expect(request(get('Host: a\r\nHost: aa\r\n'))).toBe(BAD_REQUEST);
  });
});

describe('limits', () => {
  const many = (count: number): string => 'x: y\r\n'.repeat(count);

  test('100 fields pass, 101 do not', () => {
    goodRequest(get(many(100)));
    expect(request(get(many(101)))).toBe(BAD_REQUEST);
  });

  test('a head that will never fit is refused before its end', () => {
    expect(request(`GET /${'x'.repeat(10_000)}`)).toBe(INCOMPLETE);
    expect(request(`GET /${'x'.repeat(17_000)}`)).toBe(BAD_REQUEST);
    expect(request(`GET / HTTP/1.1\r\nX: ${'x'.repeat(17_000)}`)).toBe(BAD_REQUEST);
  });
});

test('garbage is refused at its first bad byte, not at the end of a head', () => {
  for (const text of ['\x16\x03', '(', 'GET /\x01', 'GET / HTTQ', 'GET / HTTP/1.1\r\nX :', '\rX']) {
    expect(request(text), JSON.stringify(text)).toBe(BAD_REQUEST);
  }
  for (const text of [
    '',
    '\r',
    '\r\n',
    'G',
    'GET ',
    'GET /',
    'GET / HTTP/1.1\r',
    'GET / HTTP/1.1\r\nX:',
  ]) {
    expect(request(text), JSON.stringify(text)).toBe(INCOMPLETE);
  }
});
