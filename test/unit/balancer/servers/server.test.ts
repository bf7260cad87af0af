import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Backend } from '../../../../services/balancer/servers/backend.ts';
import type { CheckReport } from '../../../../services/balancer/servers/types.ts';
import { checkConfig, proxyConfig } from '../../../support/balancer-config.ts';

const PASS: CheckReport = { status: 'L4OK', duration: 1 };
const FAIL: CheckReport = { status: 'L4CON', duration: 2, info: 'Connection refused' };

function checked(rise: number, fall: number) {
  const told: string[] = [];
  const config = proxyConfig([{ check: checkConfig({ rise, fall }) }]);
  const backend = new Backend(config, (level, message, terminal) =>
    told.push(`${level} ${message}${terminal === undefined ? '' : ` / ${terminal}`}`),
  );
  return { backend, server: backend.servers[0]!, told };
}

describe('Server', () => {
  it('has an address and a port of its own once it is told them', () => {
    const config = proxyConfig([
      { takesOver: { host: true, port: true }, host: '0.0.0.0', port: 5 },
    ]);
    const server = new Backend(config, () => {}).servers[0]!;
    server.setAddress('10.0.0.1', 5);
    expect(server.config.takesOver).toEqual({ host: false, port: true });
    server.setAddress('10.0.0.1', 80);
    expect(server.config.takesOver).toEqual({ host: false, port: false });
  });

  it('serves before its first check, and goes down at once if that fails', () => {
    const { server, backend, told } = checked(2, 3);
    expect([server.state, server.usable]).toEqual(['going-down', true]);
    server.checked(FAIL);
    expect([server.state, server.usable, backend.usable]).toEqual(['down', false, false]);
    expect(told).toEqual([
      'alert Server x/a is DOWN, reason: Layer4 connection problem, info: "Connection refused", ' +
        'check duration: 2ms. 0 active and 0 backup servers left. 0 sessions active, 0 requeued, ' +
        '0 remaining in queue.',
      "emerg proxy x has no server available! / proxy 'x' has no server available!",
    ]);
  });

  it('needs fall failures in a row to go down, and rise passes in a row to come back', () => {
    const { server } = checked(2, 3);
    const stateAfter = (...reports: CheckReport[]): string => {
      for (const report of reports) server.checked(report);
      return server.state;
    };
    expect(stateAfter(PASS)).toBe('up');
    expect(stateAfter(FAIL)).toBe('going-down');
    expect(stateAfter(FAIL)).toBe('going-down');
    expect(stateAfter(PASS, FAIL, FAIL)).toBe('going-down');
    expect(stateAfter(FAIL)).toBe('down');
    expect(stateAfter(PASS)).toBe('going-up');
    expect(stateAfter(FAIL)).toBe('down');
    expect(stateAfter(PASS, PASS)).toBe('up');
    expect([server.timesDown, server.checksFailed]).toEqual([1, 6]);
  });

  it('agrees with a plain count of rows of passes and failures', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 4 }),
        fc.integer({ min: 1, max: 4 }),
        fc.array(fc.boolean(), { maxLength: 60 }),
        (rise, fall, results) => {
          const { server } = checked(rise, fall);
          server.checked(PASS);
          let up = true;
          let row = 0;
          for (const passed of results) {
            server.checked(passed ? PASS : FAIL);
            row = passed === up ? 0 : row + 1;
            if (row === (up ? fall : rise)) {
              up = !up;
              row = 0;
            }
            expect(server.running).toBe(up);
          }
        },
      ),
    );
  });

  it('adds up its downtime and says when it turned', () => {
    const { server } = checked(1, 1);
    const turns: string[] = [];
    server.on('down', () => turns.push('down')).on('up', () => turns.push('up'));
    server.checked(FAIL);
    const begun = server.lastChange;
    expect(server.downtime(begun + 500)).toBe(500);
    server.checked(PASS);
    expect(server.downtime(begun + 10_000)).toBeLessThan(5000);
    expect(turns).toEqual(['down', 'up']);
  });

  it('is in maintenance when disabled, and without a check always up', () => {
    const backend = new Backend(proxyConfig([{ disabled: true }, {}, { weight: 0 }]), () => {});
    expect(backend.servers.map(({ state, usable }) => [state, usable])).toEqual([
      ['maint', false],
      ['no-check', true],
      ['no-check', false],
    ]);
  });
});
