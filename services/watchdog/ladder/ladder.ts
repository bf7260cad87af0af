/** What can be done for a service, in the order in which it is tried. */
export const RUNGS = ['restart', 'drain-restart', 'reboot', 'quarantine'] as const;
export type Rung = (typeof RUNGS)[number];

/** What was last done for a service, kept over reboots. */
export interface Climb {
  rung: Rung;
  /** How often that rung was tried since the ladder was last at its foot. */
  tries: number;
  /** Wall-clock milliseconds, for people. */
  at: number;
  /** Nothing could be done while a reason for never restarting anything lasted. */
  barred?: boolean | undefined;
}

export interface Situation {
  state: 'starting' | 'up' | 'down';
  /** For how long it has been in that state, milliseconds. */
  lasted: number;
  /** Since the last act for it, milliseconds; Infinity when there was none since our start. */
  sinceAct: number;
  climb: Climb | undefined;
  /** systemd starts it now, or is about to: that is the rung below ours. */
  coming: boolean;
  /** Whether clients can be sent elsewhere before it is restarted. */
  mayDrain: boolean;
  /** Whether a reboot could help, and the budget has one left. */
  mayReboot: boolean;
  /** A reason never to restart anything by itself; empty = none. */
  never: string;
  /** For how long there has been no such reason, milliseconds. */
  free: number;
}

/** What to do now. */
export type Decision =
  | { act: 'none' }
  /** It has been well for long enough: the next fault begins at the foot again. */
  | { act: 'reset' }
  | { act: Rung; why?: string };

/** How often each rung is tried before the next. */
const TRIES: Record<Rung, number> = {
  restart: 2,
  'drain-restart': 1,
  reboot: 2,
  quarantine: Number.POSITIVE_INFINITY,
};
/** How long an act is given to help, milliseconds. A broker that reads its log again needs it. */
const SETTLE: Record<Rung, number> = {
  restart: 60_000,
  'drain-restart': 90_000,
  reboot: 120_000,
  // Never stopped for good: one restart now and then costs little and mends what was elsewhere.
  quarantine: 300_000,
};
/** How long systemd is left alone with what it starts again and again, milliseconds. */
export const COMING = 90_000;
/** What a service gets to find back by itself when such a reason is over, milliseconds. */
const ALONE = 20_000;
/** Well for so long takes the ladder back to its foot, milliseconds. */
const HEALTHY = 600_000;

/** The next step for one service. Pure: what it knows is in `Situation`. */
export function decide(situation: Situation): Decision {
  const { state, lasted, sinceAct, climb, coming, never, free } = situation;
  if (state === 'up') {
    return climb !== undefined && lasted >= HEALTHY ? { act: 'reset' } : { act: 'none' };
  }
  // It starts, or was never seen: what starts is given the time of what was done to start it.
  if (state === 'starting') return { act: 'none' };
  // What kept it down is over: from the foot, and soon.
  if (climb?.barred === true && never === '') {
    return free < ALONE ? { act: 'none' } : { act: 'restart' };
  }
  if (climb !== undefined && sinceAct < SETTLE[climb.rung]) return { act: 'none' };
  if (never !== '') {
    const known = climb?.rung === 'quarantine';
    return known ? { act: 'none' } : { act: 'quarantine', why: never };
  }
  if (coming && lasted < COMING) return { act: 'none' };
  return { act: next(situation) };
}

function next({ climb, mayDrain, mayReboot }: Situation): Rung {
  if (climb === undefined) return 'restart';
  const open = (rung: Rung): boolean => {
    if (rung === 'drain-restart') return mayDrain;
    return rung !== 'reboot' || mayReboot;
  };
  if (climb.tries < TRIES[climb.rung] && open(climb.rung)) return climb.rung;
  return RUNGS.slice(RUNGS.indexOf(climb.rung) + 1).find(open) ?? 'quarantine';
}

/** The climb after an act. */
export function climbed(climb: Climb | undefined, rung: Rung, at: number, barred = false): Climb {
  const tries = climb?.rung === rung ? climb.tries + 1 : 1;
  return { rung, tries, at, ...(barred ? { barred } : {}) };
}
