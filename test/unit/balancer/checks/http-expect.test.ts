import { describe, expect, it } from 'vitest';
import { type CheckedResponse, judge } from '../../../../services/balancer/checks/http-expect.ts';
import { CheckResponse } from '../../../../services/balancer/checks/http-response.ts';
import type { HttpCheckConfig, HttpExpectation } from '../../../../services/balancer/model.ts';
import { Backend } from '../../../../services/balancer/servers/backend.ts';
import { checkConfig, proxyConfig } from '../../../support/balancer-config.ts';

const http = (...expected: HttpExpectation[]): HttpCheckConfig => ({
  method: 'GET',
  request: 'GET / HTTP/1.0\r\n\r\n',
  expect: expected,
  disableOn404: false,
});
const seen = (status: number, body = '', complete = true): CheckedResponse => ({
  status,
  reason: 'Why',
  body,
  complete,
});

describe('judge', () => {
  it('takes 200 to 399 where nothing else is expected', () => {
    for (const status of [200, 301, 399]) {
      expect(judge(http(), seen(status), false)).toEqual({ status: 'L7OK', code: status });
    }
    for (const code of [100, 400, 500]) {
      expect(judge(http(), seen(code), false)).toEqual({ status: 'L7STS', code, info: 'Why' });
    }
  });

  it('waits for a text as long as it may come, and no longer', () => {
    const text = http({ kind: 'string', negated: false, text: 'up' });
    expect(judge(text, seen(200, 'u', false), false)).toBeUndefined();
    expect(judge(text, seen(200, 'up', false), false)).toMatchObject({ status: 'L7OK' });
    expect(judge(text, seen(200, 'u'), false)).toMatchObject({ status: 'L7RSP' });
  });
});

describe('CheckResponse', () => {
  it('reads chunks byte by byte, without their framing', () => {
    const response = new CheckResponse('GET');
    const text =
      'HTTP/1.1 200 Fine\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n1\r\nd\r\n0\r\n\r\n';
    for (const byte of Buffer.from(text)) expect(response.push(Buffer.from([byte]))).toBe(true);
    expect(response.seen()).toEqual({ status: 200, reason: 'Fine', body: 'abcd', complete: true });
  });

  it('looks at no more than 16 kB of an endless body', () => {
    const response = new CheckResponse('GET');
    response.push(Buffer.from('HTTP/1.0 200 OK\r\n\r\n'));
    for (let i = 0; i < 100; i++) response.push(Buffer.alloc(10_000, 'x'));
    expect(response.seen()).toMatchObject({ complete: true });
    expect(response.seen()!.body.length).toBeLessThan(30_000);
  });
});

describe('a server that answers 404 to be drained', () => {
  it('serves those it must, gets no other, and comes back without having been down', () => {
    const said: string[] = [];
    const config = proxyConfig([{ check: checkConfig() }, { check: checkConfig() }]);
    const backend = new Backend(config, (_level, message) => said.push(message));
    const [a, b] = backend.servers;
    a!.checked({ status: 'L7OKC', code: 404, duration: 1 });
    expect([a!.state, a!.running, a!.usable, a!.timesDown]).toEqual(['stopping', true, false, 0]);
    expect(backend.tryAssign(undefined)?.server).toBe(b);
    expect(backend.tryAssign(undefined)?.server).toBe(b);
    a!.checked({ status: 'L7OK', code: 200, duration: 1 });
    expect([a!.state, a!.usable]).toEqual(['up', true]);
    expect(said.map((line) => /is (\w+)/.exec(line)?.[1])).toEqual(['stopping', 'UP']);
  });
});
