import fc from 'fast-check';
import { expect, test } from 'vitest';
import { ClusterTime } from '#core/cluster-time.ts';

const HOUR = 3_600_000;
const SECOND = 1_000;

/** Nodes whose clocks can be set; all hear each other once a second. */
class Nodes {
  at = 0;
  readonly skews: number[];
  readonly times: ClusterTime[];

  constructor(...skews: number[]) {
    this.skews = skews;
    this.times = skews.map(
      (_, i) =>
        new ClusterTime(
          () => this.wall(i),
          () => this.at,
        ),
    );
  }

  wall(index: number): number {
    return 1_700_000_000_000 + this.at + this.skews[index]!;
  }

  pass(seconds: number, silent: readonly number[] = []): void {
    for (let second = 0; second < seconds; second++) {
      this.at += SECOND;
      for (const [to, time] of this.times.entries()) {
        for (const [from] of this.times.entries()) {
          if (from !== to && ![from, to].some((one) => silent.includes(one))) {
            time.hear(`pi${from}`, this.wall(from));
          }
        }
        time.settle();
      }
    }
  }

  /** How far each is from the true time. */
  get off(): number[] {
    return this.times.map((time) => time.now() - 1_700_000_000_000 - this.at);
  }
}

test('the jump of one of three moves nobody, neither at once nor later', () => {
  for (const jump of [HOUR, -HOUR]) {
    const nodes = new Nodes(0, 0, 0);
    nodes.pass(5);
    nodes.skews[1] = jump;
    expect(nodes.off).toEqual([0, 0, 0]);
    nodes.pass(60);
    expect(nodes.off).toEqual([0, 0, 0]);
  }
});

test('one that starts with a wrong clock has the right time as soon as it hears the others', () => {
  const nodes = new Nodes(-40 * 24 * HOUR, 0, 0);
  nodes.pass(1);
  expect(nodes.off).toEqual([0, 0, 0]);
});

test('of two the earlier clock counts for both, so that nothing ends too soon', () => {
  const nodes = new Nodes(0, 0);
  nodes.pass(3);
  nodes.skews[0] = HOUR;
  nodes.pass(10);
  expect(nodes.off).toEqual([0, 0]);
  nodes.skews[0] = -HOUR;
  nodes.pass(10);
  expect(nodes.off).toEqual([-HOUR, -HOUR]);
});

test('a clock that most nodes follow is followed, also by one that is alone', () => {
  const nodes = new Nodes(0, 0, 0);
  nodes.pass(3);
  nodes.skews.fill(HOUR);
  nodes.pass(5);
  expect(nodes.off).toEqual([HOUR, HOUR, HOUR]);
  const alone = new Nodes(0);
  alone.pass(2);
  alone.skews[0] = HOUR;
  alone.pass(1);
  expect(alone.off).toEqual([0]);
  alone.pass(4);
  expect(alone.off).toEqual([HOUR]);
});

test('who has not been heard of for a while counts no more', () => {
  const nodes = new Nodes(0, HOUR, HOUR);
  nodes.pass(4);
  expect(nodes.off).toEqual([HOUR, HOUR, HOUR]);
  nodes.pass(15, [0]);
  expect(nodes.off[0]).toBe(0);
});

test('whatever others say, the time is that of some clock', () => {
  fc.assert(
    fc.property(fc.array(fc.oneof(fc.double(), fc.integer(), fc.string())), (walls) => {
      const time = new ClusterTime(
        () => 1_000,
        () => 0,
      );
      for (const [index, wall] of walls.entries()) time.hear(`n${index}`, wall);
      time.settle();
      expect([1_000, ...walls]).toContain(time.now());
    }),
  );
});
