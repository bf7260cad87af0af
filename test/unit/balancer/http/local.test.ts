import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, describe, expect, test } from 'vitest';
import {
  connectionMode,
  requestConnection,
} from '../../../../services/balancer/http/connection-field.ts';
import { Deadline } from '../../../../services/balancer/http/deadline.ts';
import { errorResponse } from '../../../../services/balancer/http/errors.ts';
import { forwardedForLine } from '../../../../services/balancer/http/forwarded-for.ts';
import { proxy } from '../stats/view.ts';
import { goodRequest } from './heads.ts';

describe('forwardfor', () => {
  const plain = { header: 'X-Forwarded-For', except: undefined, ifNone: false };
  const bare = goodRequest('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
  const with1 = goodRequest('GET / HTTP/1.1\r\nX-Forwarded-For: 1.2.3.4\r\n\r\n');

  test.each([
    ['nobody asks', undefined, undefined, bare, ''],
    ['the frontend asks', plain, undefined, bare, 'x-forwarded-for: 10.0.0.7\r\n'],
    [
      'the backend names it',
      plain,
      { ...plain, header: 'X-Client' },
      bare,
      'x-client: 10.0.0.7\r\n',
    ],
    ['one is there already', plain, undefined, with1, 'x-forwarded-for: 10.0.0.7\r\n'],
    ['if-none, one is there', { ...plain, ifNone: true }, undefined, with1, ''],
    [
      'if-none, none is there',
      { ...plain, ifNone: true },
      undefined,
      bare,
      'x-forwarded-for: 10.0.0.7\r\n',
    ],
    [
      'if-none on one side only',
      { ...plain, ifNone: true },
      plain,
      with1,
      'x-forwarded-for: 10.0.0.7\r\n',
    ],
    ['excepted network', { ...plain, except: '10.0.0.0/24' }, undefined, bare, ''],
    ['excepted address', { ...plain, except: '10.0.0.7' }, undefined, bare, ''],
    [
      'other network',
      { ...plain, except: '10.0.1.0/24' },
      undefined,
      bare,
      'x-forwarded-for: 10.0.0.7\r\n',
    ],
  ])('%s', (_name, frontend, backend, head, line) => {
    expect(forwardedForLine(frontend, backend, '10.0.0.7', head)).toBe(line);
  });
});

describe('connection', () => {
  const mode = (httpConnection: 'keep-alive' | 'server-close' | 'close') =>
    proxy({ options: { ...proxy({}).options, httpConnection } });

  test('the stricter side decides', () => {
    expect(connectionMode(mode('keep-alive'), mode('keep-alive'))).toBe('keep-alive');
    expect(connectionMode(mode('server-close'), mode('keep-alive'))).toBe('server-close');
    expect(connectionMode(mode('server-close'), mode('close'))).toBe('close');
  });

  test('a server is told what its version does not imply', () => {
    const new1 = goodRequest('GET / HTTP/1.1\r\n\r\n');
    const old = goodRequest('GET / HTTP/1.0\r\n\r\n');
    expect(requestConnection(new1, true)).toBe('');
    expect(requestConnection(new1, false)).toBe('connection: close\r\n');
    expect(requestConnection(old, true)).toBe('connection: keep-alive\r\n');
    expect(requestConnection(old, false)).toBe('');
  });
});

describe('errors', () => {
  const directory = mkdtempSync(path.join(tmpdir(), 'bramble-errors-'));
  afterAll(() => rmSync(directory, { recursive: true, force: true }));
  const file = (name: string, text: string): string => {
    const at = path.join(directory, name);
    writeFileSync(at, text);
    return at;
  };

  test('the built-in page is counted as HAProxy counts its own', () => {
    const { status, counted } = errorResponse(503, proxy({}));
    expect([status, counted]).toEqual([503, 217]);
    expect(errorResponse(502, proxy({})).counted).toBe(209);
  });

  test('an errorfile stands in, with the length that it really has', () => {
    const at = file(
      '503.http',
      'HTTP/1.0 503 Later\r\nContent-Length: 999\r\nX-A: b\r\n\r\nsorry\n',
    );
    const { status, text, body } = errorResponse(503, proxy({ errorFiles: new Map([[503, at]]) }));
    expect(status).toBe(503);
    expect(text).toBe('HTTP/1.0 503 Later\r\nx-a: b\r\ncontent-length: 6\r\n');
    expect(body.toString()).toBe('sorry\n');
  });

  test('an empty one is silence; one that is gone falls back', () => {
    const empty = file('empty.http', '');
    const files = new Map([
      [408, empty],
      [503, path.join(directory, 'missing')],
    ]);
    const config = proxy({ errorFiles: files });
    expect(errorResponse(408, config)).toMatchObject({ status: 408, text: '' });
    expect(errorResponse(503, config).text).toContain('503 Service Unavailable');
  });
});

describe('deadline', () => {
  test('expires once, moves with every set, never after clear', async () => {
    let expired = 0;
    const deadline = new Deadline(() => {
      expired += 1;
    });
    for (let i = 0; i < 10; i++) {
      deadline.set(60);
      await sleep(15);
    }
    expect(expired).toBe(0);
    await sleep(200);
    expect(expired).toBe(1);
    deadline.set(20);
    deadline.clear();
    await sleep(80);
    expect(expired).toBe(1);
    deadline.set(10_000);
    deadline.set(10);
    await sleep(100);
    expect(expired).toBe(2);
    deadline.close();
  });
});
