import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Backend } from '../../../../services/balancer/servers/backend.ts';
import type { Assignment } from '../../../../services/balancer/servers/types.ts';
import { ERROR_CODES } from '../../../../services/core/errors.ts';
import { checkConfig, proxyConfig } from '../../../support/balancer-config.ts';

const PASS = { status: 'L4OK', duration: 0 } as const;
const FAIL = { status: 'L4CON', duration: 0 } as const;
const settled = () => new Promise((resolve) => setImmediate(resolve));
const nameOf = (place: Assignment): string => place.server.config.name;

describe('Backend', () => {
  it('queues while every server is full, and serves in order of arrival', async () => {
    const backend = new Backend(proxyConfig([{ maxconn: 1 }, { maxconn: 1 }]), () => {});
    const places = [backend.assign(), backend.assign()] as Assignment[];
    const order: string[] = [];
    const waiting = [1, 2, 3].map((n) =>
      Promise.resolve(backend.assign()).then((place) => {
        order.push(`${n}${nameOf(place)} ${place.serverQueue}/${place.backendQueue}`);
        return place;
      }),
    );
    expect([backend.counters.qcur, backend.counters.qmax]).toEqual([3, 3]);
    places[1]!.release();
    places[1]!.release();
    await settled();
    expect(order).toEqual(['1b 0/1']);
    places[0]!.release();
    (await waiting[0]!).release();
    await settled();
    expect(order).toEqual(['1b 0/1', '2a 0/2', '3b 0/3']);
    for (const place of await Promise.all(waiting)) place.release();
    expect(backend.servers.map((server) => server.cur)).toEqual([0, 0]);
    expect(backend.counters.qcur).toBe(0);
  });

  it('gives up after timeout queue, or when told to', async () => {
    const config = proxyConfig([{ maxconn: 1 }]);
    const backend = new Backend(
      { ...config, timeouts: { ...config.timeouts, queue: 30 } },
      () => {},
    );
    const place = backend.assign() as Assignment;
    const left: number[][] = [];
    const aborter = new AbortController();
    const late = backend.assign({ left: (...position) => left.push(position) });
    const gone = backend.assign({ signal: aborter.signal });
    aborter.abort();
    await expect(gone).rejects.toMatchObject({ code: ERROR_CODES.QUEUE_ABORTED });
    await expect(late).rejects.toMatchObject({ code: ERROR_CODES.QUEUE_TIMEOUT });
    expect(left).toEqual([[0, 1]]);
    await expect(backend.assign({ signal: AbortSignal.abort() })).rejects.toMatchObject({
      code: ERROR_CODES.QUEUE_ABORTED,
    });
    place.release();
    expect([backend.counters.qcur, backend.servers[0]!.cur]).toEqual([0, 0]);
  });

  it('uses the first backup, and only that, when no active server is left', async () => {
    const backend = new Backend(
      proxyConfig([{ check: checkConfig() }, { backup: true, maxconn: 1 }, { backup: true }]),
      () => {},
    );
    const [active, first] = backend.servers;
    expect(nameOf(backend.assign() as Assignment)).toBe('a');
    active!.checked(FAIL);
    const place = backend.assign() as Assignment;
    expect(nameOf(place)).toBe('b');
    const waiting = backend.assign() as Promise<Assignment>;
    expect([first!.counters.qcur, backend.counters.qcur]).toEqual([1, 0]);
    place.release();
    const next = await waiting;
    expect([nameOf(next), next.serverQueue]).toEqual(['b', 1]);
    active!.checked(PASS);
    active!.checked(PASS);
    expect(nameOf(backend.assign() as Assignment)).toBe('a');
  });

  it('hands the queue to a server that comes up, and throws when there is none', async () => {
    const backend = new Backend(
      proxyConfig([{ maxconn: 1, check: checkConfig() }, { check: checkConfig({ rise: 1 }) }]),
      () => {},
    );
    const [a, b] = backend.servers;
    b!.checked(FAIL);
    backend.assign();
    const waiting = [backend.assign(), backend.assign()] as Promise<Assignment>[];
    b!.checked(PASS);
    expect((await Promise.all(waiting)).map(nameOf)).toEqual(['b', 'b']);
    a!.checked(FAIL);
    b!.checked(FAIL);
    expect(b!.usable).toBe(true);
    b!.checked(FAIL);
    b!.checked(FAIL);
    expect(() => backend.assign()).toThrow(
      expect.objectContaining({ code: ERROR_CODES.NO_SERVER }),
    );
  });

  it('sends those who waited for a lost backup elsewhere', async () => {
    const backend = new Backend(
      proxyConfig(
        [
          { check: checkConfig() },
          { backup: true, maxconn: 1, check: checkConfig() },
          { backup: true },
        ],
        { redispatch: -1 },
      ),
      () => {},
    );
    backend.servers[0]!.checked(FAIL);
    backend.assign();
    const waiting = backend.assign() as Promise<Assignment>;
    backend.servers[1]!.checked(FAIL);
    expect(nameOf(await waiting)).toBe('c');
  });

  it('refuses everybody at the end', async () => {
    const backend = new Backend(proxyConfig([{ maxconn: 1 }]), () => {});
    backend.assign();
    const waiting = [backend.assign(), backend.assign()] as Promise<Assignment>[];
    const end = new Error('the end');
    backend.dismiss(end);
    for (const one of waiting) await expect(one).rejects.toBe(end);
    expect(backend.counters.qcur).toBe(0);
  });

  it('never exceeds maxconn and never loses a place, whatever happens', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom('roundrobin' as const, 'leastconn' as const),
        fc.array(fc.tuple(fc.nat(5), fc.nat(30)), { maxLength: 80 }),
        async (name, steps) => {
          const check = checkConfig({ rise: 1, fall: 1 });
          const backend = new Backend(
            proxyConfig(
              [
                { maxconn: 2, check },
                { maxconn: 1, check, weight: 3 },
                { maxconn: 1, check, backup: true },
              ],
              { balance: { name } },
            ),
            () => {},
          );
          const held: Assignment[] = [];
          const aborters: AbortController[] = [];
          let waiting = 0;
          for (const [what, pick] of steps) {
            if (what <= 2) {
              const aborter = new AbortController();
              try {
                const result = backend.assign({ signal: aborter.signal });
                if (result instanceof Promise) {
                  aborters.push(aborter);
                  waiting += 1;
                  result
                    .then(
                      (place) => held.push(place),
                      () => {},
                    )
                    .finally(() => {
                      waiting -= 1;
                    });
                } else held.push(result);
              } catch {
                expect(backend.usable).toBe(false);
              }
            } else if (what === 3) held.splice(pick % Math.max(1, held.length), 1)[0]?.release();
            else if (what === 4)
              aborters.splice(pick % Math.max(1, aborters.length), 1)[0]?.abort();
            else backend.servers[pick % 3]!.checked(pick % 2 ? PASS : FAIL);
            await settled();
            for (const server of backend.servers) {
              expect(server.cur).toBeLessThanOrEqual(server.config.maxconn!);
              expect(server.cur).toBe(held.filter((place) => place.server === server).length);
            }
            const queued = backend.servers.reduce((sum, it) => sum + it.counters.qcur, 0);
            expect(queued + backend.counters.qcur).toBe(waiting);
          }
          backend.dismiss(new Error('end'));
          await settled();
          for (const place of held) place.release();
          expect(backend.servers.map((server) => server.cur)).toEqual([0, 0, 0]);
        },
      ),
      { numRuns: 150 },
    );
  });
});
