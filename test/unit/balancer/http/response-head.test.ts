import { describe, expect, test } from 'vitest';
import {
  BAD_REQUEST,
  BODY_CHUNKED,
  BODY_TUNNEL,
  BODY_UNTIL_CLOSE,
  INCOMPLETE,
} from '../../../../services/balancer/http/head.ts';
import { goodResponse, response } from './heads.ts';

const LENGTH = 'Content-Length: 5\r\n';
const CHUNKED = 'Transfer-Encoding: chunked\r\n';

describe('framing (RFC 9112, 6.3)', () => {
  test.each([
    ['GET', 200, LENGTH, 5],
    ['GET', 200, CHUNKED, BODY_CHUNKED],
    ['GET', 200, LENGTH + CHUNKED, BODY_CHUNKED],
    ['GET', 200, '', BODY_UNTIL_CLOSE],
    ['HEAD', 200, LENGTH, 0],
    ['HEAD', 200, '', 0],
    ['GET', 204, LENGTH, 0],
    ['GET', 304, LENGTH, 0],
    ['GET', 100, '', 0],
    ['GET', 101, '', BODY_TUNNEL],
    ['CONNECT', 200, LENGTH, BODY_TUNNEL],
    ['CONNECT', 403, LENGTH, 5],
  ])('%s %d %j: %d', (method, status, fields, body) => {
    expect(goodResponse(`HTTP/1.1 ${status} x\r\n${fields}\r\n`, method).body).toBe(body);
  });

  test('no length goes on with 1xx and 204, and none beside chunked', () => {
    for (const status of [100, 204]) {
      const { text } = goodResponse(`HTTP/1.1 ${status} x\r\n${LENGTH}${CHUNKED}X: y\r\n\r\n`);
      expect(text).toBe(`HTTP/1.1 ${status} x\r\nx: y\r\n`);
    }
    expect(goodResponse(`HTTP/1.1 200 x\r\n${LENGTH}${CHUNKED}\r\n`).text).toBe(
      'HTTP/1.1 200 x\r\ntransfer-encoding: chunked\r\n',
    );
    expect(goodResponse(`HTTP/1.1 304 x\r\n${LENGTH}\r\n`).text).toContain('content-length: 5');
  });
});

describe('status line', () => {
  test.each([
    ['HTTP/1.1 200', 'HTTP/1.1 200 '],
    ['HTTP/1.1 200 ', 'HTTP/1.1 200 '],
    ['HTTP/1.1 200 All is well', 'HTTP/1.1 200 All is well'],
    ['HTTP/1.5 600 x', 'HTTP/1.1 600 x'],
    ['HTTP/1.0 200 x', 'HTTP/1.0 200 x'],
  ])('%j becomes %j', (line, canonical) => {
    const head = goodResponse(`${line}\r\n\r\n`);
    expect(head.text).toBe(`${canonical}\r\n`);
  });

  test.each([
    'HTTP/1.1 20 x',
    'HTTP/1.1 099 x',
    'HTTP/1.1 2000 x',
    'HTTP/1.1200 x',
    'garbage',
    'HTTP/1.1 abc',
  ])('%j is refused', (line) => {
    expect(response(`${line}\r\n\r\n`)).toBe(BAD_REQUEST);
  });

  test('a part of it is incomplete', () => {
    for (const text of [
      '',
      'HTTP/1.',
      'HTTP/1.1 20',
      'HTTP/1.1 200',
      'HTTP/1.1 200 O',
      'HTTP/1.1 200 OK\r\nX',
    ]) {
      expect(response(text), JSON.stringify(text)).toBe(INCOMPLETE);
    }
  });
});

test('whether the server keeps the connection', () => {
  const kept = (text: string): boolean => goodResponse(text).keepAlive;
  expect(kept('HTTP/1.1 200 x\r\n\r\n')).toBe(true);
  expect(kept('HTTP/1.1 200 x\r\nConnection: close\r\n\r\n')).toBe(false);
  expect(kept('HTTP/1.0 200 x\r\n\r\n')).toBe(false);
  expect(kept('HTTP/1.0 200 x\r\nConnection: keep-alive\r\n\r\n')).toBe(true);
  expect(kept(`HTTP/1.1 200 x\r\n${LENGTH}${CHUNKED}\r\n`)).toBe(false);
});
