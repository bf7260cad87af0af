import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parseAgentAnswer } from '../../../../services/balancer/checks/agent-answer.ts';
import { judgeExpectation } from '../../../../services/balancer/checks/expect.ts';
import { CheckResponse } from '../../../../services/balancer/checks/http-response.ts';
import { ldapCheck } from '../../../../services/balancer/checks/presets/ldap.ts';
import { mqttCheck } from '../../../../services/balancer/checks/presets/mqtt.ts';
import { mysqlCheck } from '../../../../services/balancer/checks/presets/mysql.ts';
import { postgresCheck } from '../../../../services/balancer/checks/presets/postgres.ts';
import { redisCheck } from '../../../../services/balancer/checks/presets/redis.ts';
import { smtpCheck } from '../../../../services/balancer/checks/presets/smtp.ts';
import { sslHelloCheck } from '../../../../services/balancer/checks/presets/ssl-hello.ts';
import { parseStates } from '../../../../services/balancer/checks/server-state.ts';
import type { CheckMethod, ExpectStep } from '../../../../services/balancer/checks/steps.ts';
import { compileCheckText } from '../../../../services/balancer/config/keywords/check-text.ts';
import { runScript } from '../../../support/run-script.ts';
import { Peer } from '../../../support/tcp-peers.ts';

const METHODS: Readonly<Record<string, CheckMethod>> = {
  ldap: ldapCheck(),
  mqtt: mqttCheck(),
  'mqtt 5': mqttCheck({ version: 5 }),
  mysql: mysqlCheck('joe'),
  pgsql: postgresCheck('joe'),
  redis: redisCheck(),
  smtp: smtpCheck('HELO x'),
  'ssl-hello': sslHelloCheck(),
};
const bytes = fc.uint8Array({ maxLength: 200 });
const subject = { backend: 'b', server: 's', address: '127.0.0.1', port: 1, state: undefined };

function expectationsOf(method: CheckMethod): ExpectStep[] {
  if (method.kind !== 'script') return [];
  return method.steps.filter((step): step is ExpectStep => step.kind === 'expect');
}

describe.each(Object.entries(METHODS))('%s', (_name, method) => {
  it('judges any bytes without fail, and ends when nothing more comes', () => {
    fc.assert(
      fc.property(bytes, fc.boolean(), (input, ended) => {
        for (const step of expectationsOf(method)) {
          const scope = {
            subject,
            input: Buffer.from(input),
            response: undefined,
            variables: new Map(),
          };
          const verdict = judgeExpectation(step, { scope, ended, protocol: 'other' });
          if (ended) expect(verdict).not.toBe('wait');
        }
      }),
      { numRuns: 500 },
    );
  });
});

describe('parsers', () => {
  it('take any line of an agent', () => {
    fc.assert(fc.property(fc.string(), (line) => void parseAgentAnswer(line)));
  });

  it('take any state file, and only keep whole lines', () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom('1', ' ', 'a', '\n', '#', '-') }), (text) => {
        for (const state of parseStates(`1\n${text}`)) {
          expect(Number.isSafeInteger(state.port)).toBe(true);
        }
      }),
    );
  });

  it('take any log-format', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: fc.constantFrom('%', '[', ']', '(', ')', ',', 'a', 's') }),
        (text) => {
          const compiled = compileCheckText(text);
          expect(typeof compiled === 'function' || compiled.error !== '').toBe(true);
        },
      ),
    );
  });

  it('take any response, however it is cut', () => {
    fc.assert(
      fc.property(bytes, fc.integer({ min: 1, max: 20 }), (input, size) => {
        const response = new CheckResponse('GET');
        const all = Buffer.concat([Buffer.from('HTTP/1.1 200 OK\r\n'), input]);
        for (let at = 0; at < all.length; at += size) {
          if (!response.push(all.subarray(at, at + size))) return;
        }
        response.end();
        response.seen();
      }),
    );
  });
});

describe('a server that talks without end', () => {
  let peer: Peer;
  let sent = 0;
  beforeAll(async () => {
    const chunk = Buffer.alloc(64 << 10, 'x');
    peer = await new Peer('flood', (socket) => {
      const write = (): void => {
        while (sent < 10 << 20 && !socket.destroyed) {
          sent += chunk.length;
          if (!socket.write(chunk)) {
            socket.once('drain', write);
            return;
          }
        }
      };
      write();
    }).start();
  });
  afterAll(() => peer.stop());

  it.each(Object.entries(METHODS))('is given up in time by %s', async (_name, method) => {
    sent = 0;
    const before = process.memoryUsage().arrayBuffers;
    const report = await runScript(method, peer.port, { limit: 400 });
    expect(['L7RSP', 'L7STS', 'L7TOUT', 'L6RSP']).toContain(report.status);
    expect((report.info ?? '').length).toBeLessThan(128);
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(8 << 20);
  });
});

describe('a server that says nothing, or a byte at a time', () => {
  it.each(Object.entries(METHODS))('%s: runs out of time', async (_name, method) => {
    const silent = await new Peer('silent', (socket) => socket.resume()).start();
    const slow = await new Peer('slow', (socket) => {
      const timer = setInterval(() => socket.write('2'), 20);
      socket.on('close', () => clearInterval(timer));
      socket.resume();
    }).start();
    try {
      const [none, bit] = await Promise.all([
        runScript(method, silent.port, { limit: 200 }),
        runScript(method, slow.port, { limit: 200 }),
      ]);
      expect(['L7TOUT', 'L6TOUT']).toContain(none.status);
      expect(['L7TOUT', 'L6TOUT', 'L7RSP', 'L7STS', 'L6RSP']).toContain(bit.status);
    } finally {
      await Promise.all([silent.stop(), slow.stop()]);
    }
  });
});
