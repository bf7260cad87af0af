import { afterEach, describe, expect, test } from 'vitest';
import type { BridgeState } from '#core/contracts/bridge.ts';
import { BrambleError, ERROR_CODES } from '#core/errors.ts';
import type { Version } from '#core/jetstream/quorum-register.ts';
import { Claim } from '../../../services/bridge/cluster/claim.ts';
import { createLog } from '../../../services/core/log.ts';

const log = createLog({ service: 'test', level: 'silent' });

/** One value with compare-and-set, which can be out of reach or lose its answers. */
class FakeStore {
  bytes: Buffer = Buffer.alloc(0);
  height = 0;
  writes = 0;
  attempts = 0;
  /** Which bridges cannot reach it, and whose answers are lost. */
  readonly cut = new Set<string>();
  readonly mute = new Set<string>();
  /** For how long everything stands still during the next write, milliseconds. */
  freeze = 0;

  of(who: string) {
    const unavailable = (): BrambleError =>
      new BrambleError(ERROR_CODES.ENGINE_UNAVAILABLE, 'away');
    return {
      read: async () => {
        if (this.cut.has(who)) throw unavailable();
        return { bytes: this.bytes, version: this.version };
      },
      write: async (_key: string, bytes: Buffer, expected: Version) => {
        this.attempts++;
        if (this.cut.has(who)) throw unavailable();
        if (expected.height !== this.height) throw new BrambleError(ERROR_CODES.FENCED, 'taken');
        const thawed = performance.now() + this.freeze;
        this.freeze = 0;
        while (performance.now() < thawed);
        this.bytes = bytes;
        this.writes++;
        this.height++;
        if (this.mute.has(who)) throw unavailable();
        return this.version;
      },
    };
  }

  get version(): Version {
    return { height: this.height, nonce: this.height === 0 ? '' : `n${this.height}` };
  }

  get state(): BridgeState {
    return JSON.parse(this.bytes.toString()) as BridgeState;
  }
}

const claims: Claim[] = [];

function bridge(store: FakeStore, self: string, preferred = true) {
  const events: string[] = [];
  const claim = new Claim({
    mapping: 'm',
    self,
    store: store.of(self),
    preferred: () => preferred,
    onTaken: (stored) => events.push(`taken from ${stored?.owner ?? 'nobody'}`),
    onDoubt: () => events.push('doubt'),
    onResumed: () => events.push('resumed'),
    onLost: () => events.push('lost'),
    log,
  });
  claims.push(claim);
  claim.start();
  return { claim, events };
}

const until = async (condition: () => boolean): Promise<number> => {
  const began = performance.now();
  while (!condition()) {
    if (performance.now() - began > 15_000) throw new Error('not within 15 s');
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  return performance.now() - began;
};

const place = (n: number) => () => ({ floor: [n], cursor: `c${n}`, control: 0 });

afterEach(async () => {
  await Promise.all(claims.splice(0).map((claim) => claim.close()));
});

describe('a claim', () => {
  test('has one holder, who stores its place; what is given back goes on from there', async () => {
    const store = new FakeStore();
    const a = bridge(store, 'a');
    await until(() => a.claim.held);
    const b = bridge(store, 'b');
    a.claim.save(place(1));
    a.claim.save(place(2));
    await until(() => store.height > 0 && store.state.cursor === 'c2');
    expect(b.claim.held).toBe(false);
    a.claim.save(place(3));
    await a.claim.close();
    expect(store.state).toMatchObject({ owner: '', cursor: 'c3', floor: [3] });
    await until(() => b.claim.held);
    expect(b.claim.epoch).toBe(2);
    expect(a.events).toEqual(['taken from nobody', 'lost']);
  });

  test('a holder that is cut off stops by itself before another one begins', async () => {
    const store = new FakeStore();
    const a = bridge(store, 'a');
    await until(() => a.claim.held);
    const b = bridge(store, 'b');
    await new Promise((resolve) => setTimeout(resolve, 500));
    store.cut.add('a');
    let both = 0;
    const watch = setInterval(() => {
      if (a.claim.valid && b.claim.valid) both++;
    }, 1);
    const took = await until(() => b.claim.held);
    expect(a.claim.valid).toBe(false);
    expect(a.events).toContain('doubt');
    store.cut.delete('a');
    await until(() => !a.claim.held);
    clearInterval(watch);
    expect(both).toBe(0);
    expect(store.state.owner).toBe('b');
    console.log(`taken over after ${Math.round(took)} ms`);
    expect(took).toBeLessThan(8_000);
  });

  test('frozen while it was renewed, it lets those go on who asked before any timer told', async () => {
    const store = new FakeStore();
    const a = bridge(store, 'a');
    await until(() => a.claim.held);
    // The first claim ends meanwhile, and the next one began in time.
    store.freeze = 2_000;
    await until(() => a.events.includes('resumed'));
    expect(a.events).not.toContain('doubt');
    expect(a.claim.valid).toBe(true);
  });

  test('a place that moves slowly is written now and then, one that moves far at once', async () => {
    const store = new FakeStore();
    const a = bridge(store, 'a');
    await until(() => a.claim.held);
    const writesWithin = async (step: number): Promise<number> => {
      const before = store.writes;
      for (let i = 1; i <= 40; i++) {
        a.claim.save(place(i), i * step);
        await new Promise((resolve) => setTimeout(resolve, 10));
      }
      return store.writes - before;
    };
    const slow = await writesWithin(1);
    const fast = await writesWithin(1_000);
    console.log(`of 40 places ${slow} and ${fast} were written`);
    expect(slow).toBeLessThan(12);
    expect(fast).toBeGreaterThan(2 * slow);
    // A store that is away is not asked without end.
    store.cut.add('a');
    const before = store.attempts;
    await writesWithin(100_000);
    expect(store.attempts - before).toBeLessThan(12);
  });

  test('a holder that comes back in time goes on', async () => {
    const store = new FakeStore();
    const a = bridge(store, 'a');
    await until(() => a.claim.held);
    store.cut.add('a');
    await until(() => a.events.includes('doubt'));
    store.cut.delete('a');
    await until(() => a.events.includes('resumed'));
    expect(a.claim.valid).toBe(true);
    expect(a.events).not.toContain('lost');
  });

  test('a write whose answer was lost does not fence its own writer', async () => {
    const store = new FakeStore();
    const a = bridge(store, 'a');
    await until(() => a.claim.held);
    store.mute.add('a');
    a.claim.save(place(7));
    const writes = store.writes;
    await until(() => store.writes > writes);
    store.mute.delete('a');
    a.claim.save(place(8));
    await until(() => store.state.cursor === 'c8');
    expect(a.claim.held).toBe(true);
    expect(a.events).not.toContain('lost');
  });
}, 60_000);
