import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { Ticket, TimerWheel, wheelNow } from '../../../../services/balancer/tcp/timer-wheel.ts';

const never = { due: () => 0 };

describe('TimerWheel', () => {
  it('calls each at its moment, never before, whatever the order of setting', async () => {
    const wheel = new TimerWheel();
    const begun = wheelNow();
    const called: { after: number; at: number }[] = [];
    for (const after of [300, 0, 50, 120, 90, 300, 10]) {
      const due = (): number => {
        called.push({ after, at: wheelNow() - begun });
        return 0;
      };
      wheel.set(new Ticket({ due }), begun + after);
    }
    for (let i = 0; i < 500 && called.length < 7; i++) await sleep(10);
    // Moments within one turn of the wheel may change places; those apart may not.
    expect(called.map(({ after }) => after).slice(2)).toEqual([50, 90, 120, 300, 300]);
    expect(called.map(({ after }) => after).slice(0, 2)).toEqual(expect.arrayContaining([0, 10]));
    for (const { after, at } of called) expect(at).toBeGreaterThanOrEqual(after);
    expect(wheel.size).toBe(0);
  });

  it('looks again when told that it is not yet time', async () => {
    const wheel = new TimerWheel();
    const begun = wheelNow();
    let calls = 0;
    const due = (now: number): number => {
      calls += 1;
      return now < begun + 200 ? now + 50 : 0;
    };
    wheel.set(new Ticket({ due }), begun + 50);
    for (let i = 0; i < 500 && wheel.size > 0; i++) await sleep(10);
    expect(wheelNow() - begun).toBeGreaterThanOrEqual(200);
    expect(calls).toBeGreaterThanOrEqual(2);
  });

  it('moves a ticket that is set again, forgets one that is cleared', async () => {
    const wheel = new TimerWheel();
    const begun = wheelNow();
    let moved = 0;
    let cleared = false;
    const mover = new Ticket({
      due: () => {
        moved = wheelNow() - begun;
        return 0;
      },
    });
    const goner = new Ticket({
      due: () => {
        cleared = true;
        return 0;
      },
    });
    wheel.set(mover, begun + 20);
    wheel.set(goner, begun + 20);
    wheel.set(mover, begun + 150);
    wheel.clear(goner);
    wheel.clear(goner);
    for (let i = 0; i < 500 && wheel.size > 0; i++) await sleep(10);
    expect(moved).toBeGreaterThanOrEqual(150);
    expect(cleared).toBe(false);
  });

  it('lets a call clear and set others, itself included', async () => {
    const wheel = new TimerWheel();
    const begun = wheelNow();
    const called: string[] = [];
    const callIt = (name: string) => (): number => {
      called.push(name);
      return 0;
    };
    const b = new Ticket({ due: callIt('b') });
    const c = new Ticket({ due: callIt('c') });
    const a: Ticket = new Ticket({
      due: () => {
        called.push('a');
        wheel.clear(b);
        wheel.set(c, begun + 100);
        if (called.length < 3) wheel.set(a, begun + 60);
        return 0;
      },
    });
    // The same slot: a, set last, comes first.
    for (const ticket of [b, c, a]) wheel.set(ticket, begun + 30);
    for (let i = 0; i < 500 && wheel.size > 0; i++) await sleep(10);
    expect(called.filter((name) => name === 'b')).toEqual([]);
    expect(called.at(-1)).toBe('c');
    expect(called.filter((name) => name === 'c')).toHaveLength(1);
  });

  it('keeps moments hours away without calling early', async () => {
    const wheel = new TimerWheel();
    let called = 0;
    const far = new Ticket({
      due: () => {
        called += 1;
        return 0;
      },
    });
    wheel.set(far, wheelNow() + 3 * 3600e3);
    wheel.set(new Ticket(never), wheelNow() + 30);
    await sleep(100);
    expect(called).toBe(0);
    expect(wheel.size).toBe(1);
    wheel.clear(far);
    expect(wheel.size).toBe(0);
  });
});
