import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Reachability } from '#core/jetstream/quorum.ts';
import {
  type Cell,
  OvertakenError,
  QuorumRegister,
  UNWRITTEN,
  UnsettledError,
  type Version,
} from '#core/jetstream/quorum-register.ts';

/** Three places with compare-and-set each; a scheduler decides when which request takes place. */
class Places {
  readonly stored: Map<string, { bytes: Buffer; sequence: number }>[] = [
    new Map(),
    new Map(),
    new Map(),
  ];
  readonly away = new Set<number>();
  #sequence = 0;

  take(place: number, key: string, bytes: Buffer, expected: number): number | undefined {
    const now = this.stored[place]!.get(key)?.sequence ?? 0;
    if (now !== expected) return undefined;
    this.#sequence++;
    this.stored[place]!.set(key, { bytes, sequence: this.#sequence });
    return this.#sequence;
  }

  /** `fate` is asked for each request: whether it arrives, and whether its answer does. */
  cells(fate: () => Promise<'done' | 'unheard' | 'lost'>): Cell[] {
    return this.stored.map((stored, place) => ({
      read: async (key) => {
        if ((await fate()) !== 'done' || this.away.has(place)) throw new Error('no answer');
        return stored.get(key) ?? { bytes: Buffer.alloc(0), sequence: 0 };
      },
      write: async (key, bytes, expected) => {
        const what = await fate();
        if (what === 'lost' || this.away.has(place)) throw new Error('no answer');
        const sequence = this.take(place, key, bytes, expected);
        if (what === 'unheard') throw new Error('no answer');
        return sequence;
      },
    }));
  }
}

const registerOver = (cells: Cell[]): QuorumRegister =>
  new QuorumRegister({ cells, reachability: new Reachability() });
const ALWAYS = (): Promise<'done'> => Promise.resolve('done');
const save = (
  register: QuorumRegister,
  text: string,
  expected: Version,
  again = false,
): Promise<Version> =>
  register.save('k', 0, { bytes: Buffer.from(text), expected, nonce: text, again });
const load = async (register: QuorumRegister): Promise<string> =>
  (await register.load('k', 0)).bytes.toString();

describe('a register over three places', () => {
  test('what was written is read with any one place away', async () => {
    for (const away of [0, 1, 2]) {
      for (const before of [0, 1, 2]) {
        const places = new Places();
        const register = registerOver(places.cells(ALWAYS));
        places.away.add(before);
        const first = await save(register, 'a', UNWRITTEN);
        const second = await save(register, 'b', first);
        places.away.clear();
        places.away.add(away);
        const other = registerOver(places.cells(ALWAYS));
        expect(await load(other)).toBe('b');
        await expect(save(other, 'c', first)).rejects.toThrow(OvertakenError);
        await save(other, 'c', second);
        expect(await load(register)).toBe('c');
      }
    }
  });

  test('nothing is said with two places away', async () => {
    const places = new Places();
    const register = registerOver(places.cells(ALWAYS));
    const version = await save(register, 'a', UNWRITTEN);
    places.away.add(0).add(2);
    await expect(load(register)).rejects.toThrow(UnsettledError);
    await expect(save(register, 'b', version)).rejects.toThrow(UnsettledError);
    places.away.clear();
    expect(['a', 'b']).toContain(await load(register));
  });

  test('what a writer that died left in one place is finished or never seen', async () => {
    const places = new Places();
    const register = registerOver(places.cells(ALWAYS));
    const version = await save(register, 'a', UNWRITTEN);
    const { sequence } = places.stored[0]!.get('k')!;
    places.take(0, 'k', Buffer.from('2 b\nb'), sequence);
    expect(await load(register)).toBe('b');
    places.away.add(0);
    expect(await load(register)).toBe('b');
    await expect(save(register, 'c', version)).rejects.toThrow(OvertakenError);
  });

  test('three rivals, one in each place, hold nobody up', async () => {
    const places = new Places();
    for (const [place, text] of ['x', 'z', 'y'].entries()) {
      places.take(place, 'k', Buffer.from(`1 ${text}\n${text}`), 0);
    }
    const register = registerOver(places.cells(ALWAYS));
    const { bytes, version } = await register.load('k', 0);
    expect(bytes.toString()).toBe('z');
    await save(register, 'next', version);
    places.away.add(1);
    expect(await load(register)).toBe('next');
  });

  test('of two rivals the one in the place that is away may have been written', async () => {
    const places = new Places();
    places.take(0, 'k', Buffer.from('1 a\na'), 0);
    places.take(1, 'k', Buffer.from('1 b\nb'), 0);
    places.take(2, 'k', Buffer.from('1 a\na'), 0);
    places.away.add(2);
    const register = registerOver(places.cells(ALWAYS));
    await expect(load(register)).rejects.toThrow(UnsettledError);
    places.away.clear();
    expect(await load(register)).toBe('a');
  });

  test('whatever is lost, late or at once: written values form one line', async () => {
    let written = 0;
    let overtaken = 0;
    let unsettled = 0;
    const fate = fc.oneof(
      { weight: 12, arbitrary: fc.constant('done' as const) },
      { weight: 1, arbitrary: fc.constantFrom('lost' as const, 'unheard' as const) },
    );
    await fc.assert(
      fc.asyncProperty(
        fc.scheduler(),
        fc.infiniteStream(fate),
        fc.integer({ min: 2, max: 4 }),
        fc.option(fc.integer({ min: 0, max: 2 })),
        async (scheduler, fates, writers, away) => {
          const places = new Places();
          if (away !== null) places.away.add(away);
          // What each acknowledged write followed, by nonce.
          const follows = new Map<string, string>();
          const last: string[] = [];
          const work = Array.from({ length: writers }, async (_, writer) => {
            const decide = async (): Promise<'done' | 'unheard' | 'lost'> => {
              await scheduler.schedule(Promise.resolve());
              return fates.next().value;
            };
            const register = registerOver(places.cells(decide));
            for (let turn = 0; turn < 3; turn++) {
              const nonce = `${writer}.${turn}`;
              try {
                const { version } = await register.load('k', 0);
                for (let attempt = 0; attempt < 3; attempt++) {
                  try {
                    const value = { bytes: Buffer.from(nonce), expected: version, nonce };
                    await register.save('k', 0, { ...value, again: attempt > 0 });
                    follows.set(nonce, version.nonce);
                    last.push(nonce);
                    written++;
                    break;
                  } catch (error) {
                    if (error instanceof OvertakenError) throw error;
                  }
                }
              } catch (error) {
                if (error instanceof OvertakenError) overtaken++;
                else unsettled++;
              }
            }
          });
          await scheduler.waitFor(Promise.all(work));
          // Nothing was followed by two that were both told that they are written.
          expect(new Set(follows.values()).size).toBe(follows.size);
          places.away.clear();
          const register = registerOver(places.cells(ALWAYS));
          if (last.length === 0) return;
          const { version } = await register.load('k', 0);
          const heights = last.length;
          // Every written one is below the last, and each height was written at most once.
          expect(version.height).toBeGreaterThanOrEqual(heights);
        },
      ),
      { numRuns: 400 },
    );
    console.log(`${written} written, ${overtaken} overtaken, ${unsettled} unsettled`);
    expect(written).toBeGreaterThan(100);
    expect(overtaken).toBeGreaterThan(10);
  });
});
