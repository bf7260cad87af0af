import { describe, expect, it } from 'vitest';
import type { Verdict } from '../../../../services/balancer/checks/expect.ts';
import { judgeResponse } from '../../../../services/balancer/checks/http-expect.ts';
import { CheckResponse } from '../../../../services/balancer/checks/http-response.ts';
import {
  type CheckedResponse,
  expectStep,
  type Match,
} from '../../../../services/balancer/checks/steps.ts';
import { Backend } from '../../../../services/balancer/servers/backend.ts';
import { checkConfig, proxyConfig } from '../../../support/balancer-config.ts';

const seen = (status: number, body = '', complete = true): CheckedResponse => ({
  status,
  reason: 'Why',
  fields: [
    ['x-list', 'a, "b,c", d'],
    ['server', 'One'],
  ],
  body,
  complete,
});
function judge(match: Match, response: CheckedResponse, negated = false): Verdict {
  const subject = { backend: 'b', server: 's', address: '127.0.0.1', port: 1, state: undefined };
  const scope = { subject, input: Buffer.alloc(0), response, variables: new Map() };
  const step = expectStep(match, { negated });
  return judgeResponse(step, { scope, ended: false, protocol: 'http' });
}

describe('judgeResponse', () => {
  it('compares the status with ranges', () => {
    const match: Match = { kind: 'status', ranges: [[200, 399]] };
    for (const status of [200, 301, 399]) expect(judge(match, seen(status))).toBe('next');
    for (const code of [100, 400, 500]) {
      expect(judge(match, seen(code))).toEqual({ status: 'L7STS', code, info: 'Why' });
    }
  });

  it('waits for a text as long as it may come, and no longer', () => {
    const match: Match = { kind: 'body', text: 'up' };
    expect(judge(match, seen(200, 'u', false))).toBe('wait');
    expect(judge(match, seen(200, 'up', false))).toBe('next');
    expect(judge(match, seen(200, 'u'))).toMatchObject({ status: 'L7RSP' });
  });

  it('looks for fields, whole or in their parts', () => {
    const header = (full: boolean, value: string): Match => ({
      kind: 'header',
      full,
      name: { how: 'beg', text: 'X-L' },
      value: { how: 'str', text: value },
    });
    expect(judge(header(false, '"b,c"'), seen(200))).toBe('next');
    expect(judge(header(false, 'b'), seen(200))).toMatchObject({ status: 'L7STS' });
    expect(judge(header(true, 'a'), seen(200))).toMatchObject({ status: 'L7STS' });
    expect(judge(header(true, 'a, "b,c", d'), seen(200))).toBe('next');
    expect(judge(header(true, 'a'), seen(200), true)).toBe('next');
  });
});

describe('CheckResponse', () => {
  it('reads chunks byte by byte, without their framing', () => {
    const response = new CheckResponse('GET');
    const text =
      'HTTP/1.1 200 Fine\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n1\r\nd\r\n0\r\n\r\n';
    for (const byte of Buffer.from(text)) expect(response.push(Buffer.from([byte]))).toBe(true);
    expect(response.seen()).toMatchObject({ status: 200, reason: 'Fine', body: 'abcd' });
    expect(response.seen()).toMatchObject({
      complete: true,
      fields: [['transfer-encoding', 'chunked']],
    });
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
