import { expect, test } from 'vitest';
import { rebootsLeft, WINDOW } from '../../../services/watchdog/ladder/budget.ts';
import {
  type Climb,
  climbed,
  decide,
  type Rung,
  type Situation,
} from '../../../services/watchdog/ladder/ladder.ts';

const HOUR = 3_600_000;

function down(over: Partial<Situation> = {}): Situation {
  return {
    state: 'down',
    lasted: 20_000,
    sinceAct: Number.POSITIVE_INFINITY,
    climb: undefined,
    coming: false,
    mayDrain: true,
    mayReboot: true,
    never: '',
    free: Number.POSITIVE_INFINITY,
    ...over,
  };
}

/** What is done, act after act, for a service that nothing helps. */
function climbWhole(over: Partial<Situation>, acts: number): Rung[] {
  let climb: Climb | undefined;
  return Array.from({ length: acts }, () => {
    const decision = decide(down({ ...over, climb }));
    if (decision.act === 'none' || decision.act === 'reset') throw new Error(decision.act);
    climb = climbed(climb, decision.act, 0);
    return decision.act;
  });
}

test('the ladder is climbed in its order and ends in slow tries, never in giving up', () => {
  const whole = climbWhole({}, 7);
  const top = ['reboot', 'reboot', 'quarantine', 'quarantine'];
  expect(whole).toEqual(['restart', 'restart', 'drain-restart', ...top]);
});

test('rungs that this service or the budget has not are left out', () => {
  const alone = climbWhole({ mayDrain: false }, 4);
  expect(alone).toEqual(['restart', 'restart', 'reboot', 'reboot']);
  const page = climbWhole({ mayDrain: false, mayReboot: false }, 4);
  expect(page).toEqual(['restart', 'restart', 'quarantine', 'quarantine']);
  const once = { rung: 'reboot', tries: 1, at: 0 } as const;
  expect(decide(down({ climb: once, mayReboot: false }))).toEqual({ act: 'quarantine' });
});

test('what was done is given time to help', () => {
  const climb = { rung: 'restart', tries: 1, at: 0 } as const;
  expect(decide(down({ climb, sinceAct: 59_000 }))).toEqual({ act: 'none' });
  expect(decide(down({ climb, sinceAct: 61_000 }))).toEqual({ act: 'restart' });
  const quarantine = { rung: 'quarantine', tries: 9, at: 0 } as const;
  expect(decide(down({ climb: quarantine, sinceAct: 299_000 }))).toEqual({ act: 'none' });
});

test('what systemd starts by itself is left to it for a while', () => {
  expect(decide(down({ coming: true, lasted: 89_000 }))).toEqual({ act: 'none' });
  expect(decide(down({ coming: true, lasted: 91_000 }))).toEqual({ act: 'restart' });
  // What must not be restarted is told at once.
  const full = decide(down({ coming: true, never: 'full' }));
  expect(full).toEqual({ act: 'quarantine', why: 'full' });
});

test('when what barred it is over it may find back by itself, and then is restarted from the foot', () => {
  const barred = climbed(undefined, 'quarantine', 0, true);
  expect(decide(down({ climb: barred, sinceAct: 1_000, never: 'full' }))).toEqual({ act: 'none' });
  const since = (free: number) => decide(down({ climb: barred, sinceAct: 1_000, free }));
  expect(since(19_999)).toEqual({ act: 'none' });
  expect(since(20_000)).toEqual({ act: 'restart' });
  const climb = climbed(barred, 'restart', 1);
  expect(climb).toEqual({ rung: 'restart', tries: 1, at: 1 });
  expect(decide(down({ climb, sinceAct: 61_000 }))).toEqual({ act: 'restart' });
});

test('only ten minutes of health lead back to the foot', () => {
  const climb = { rung: 'drain-restart', tries: 1, at: 0 } as const;
  const up = { state: 'up', climb } as const;
  expect(decide(down({ ...up, lasted: 599_000 }))).toEqual({ act: 'none' });
  expect(decide(down({ ...up, lasted: 600_000 }))).toEqual({ act: 'reset' });
  expect(decide(down({ ...up, climb: undefined, lasted: HOUR }))).toEqual({ act: 'none' });
});

test('a full or read-only disk is told once and nothing is restarted', () => {
  const never = 'the disk is full';
  expect(decide(down({ never }))).toEqual({ act: 'quarantine', why: never });
  const told = { rung: 'quarantine', tries: 1, at: 0 } as const;
  expect(decide(down({ never, climb: told }))).toEqual({ act: 'none' });
  // Once there is room again, the slow tries bring it back.
  expect(decide(down({ climb: told }))).toEqual({ act: 'quarantine' });
});

test('nothing is done while a service starts', () => {
  expect(decide(down({ state: 'starting' }))).toEqual({ act: 'none' });
});

test('two reboots in six hours, also when the clock has jumped', () => {
  const now = 100 * HOUR;
  expect(rebootsLeft([], now)).toBe(2);
  expect(rebootsLeft([now - HOUR], now)).toBe(1);
  expect(rebootsLeft([now - HOUR, now - 2 * HOUR, now - 3 * HOUR], now)).toBe(0);
  expect(rebootsLeft([now - WINDOW - 1], now)).toBe(2);
  // A Pi that starts without a clock is years back.
  expect(rebootsLeft([now - HOUR, now - 2 * HOUR], 0)).toBe(0);
});
