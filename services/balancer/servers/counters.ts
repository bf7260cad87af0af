import {
  AVERAGES_AT,
  COUNTER_CELLS,
  LAST_SESSION,
  LONGEST_WAIT,
  PLAIN,
  QCUR,
  RATES_AT,
  SCUR,
} from './counter-cells.ts';
import { AVERAGE_CELLS, MovingAverage, RATE_CELLS, RateCounter } from './rate.ts';
import { type Totals, totalsOf } from './totals.ts';

/**
 * What is counted for a frontend, a backend or a server, under the names of HAProxy's statistics
 * (management guide, section 9.1). Plain numbers that the planes add to; bytes are seen from the
 * client: `bin` came from it, `bout` went to it.
 *
 * Workers of a process have a row each in shared memory. Everyone writes its own alone, so nothing
 * is locked and nothing is lost; who wants the sums asks `totals`.
 */
export class Counters {
  /** Sessions now, and the most there ever were. */
  declare scur: number;
  declare smax: number;
  /** Sessions since the start. */
  declare stot: number;
  /** Sessions waiting for a place now, and the most there ever were. */
  declare qcur: number;
  declare qmax: number;
  declare bin: number;
  declare bout: number;
  declare dreq: number;
  declare dresp: number;
  declare ereq: number;
  declare econ: number;
  declare eresp: number;
  declare wretr: number;
  declare wredis: number;
  declare cliAborts: number;
  declare srvAborts: number;
  /** Times that balancing (not stickiness) chose this server or backend. */
  declare lbtot: number;
  declare connTot: number;
  declare reqTot: number;
  /** Requests that we answered ourselves (statistics). */
  declare intercepted: number;
  /** Connections opened to servers, and exchanges that used an idle one instead. */
  declare connect: number;
  declare reuse: number;
  declare hrsp1xx: number;
  declare hrsp2xx: number;
  declare hrsp3xx: number;
  declare hrsp4xx: number;
  declare hrsp5xx: number;
  declare hrspOther: number;
  /** Bytes that compression took, gave and left as they were, and responses that it compressed. */
  declare compIn: number;
  declare compOut: number;
  declare compByp: number;
  declare compRsp: number;
  declare cacheLookups: number;
  declare cacheHits: number;
  /** Connections to it that are kept idle, of which some have proved to last; used and needed. */
  declare poolIdle: number;
  declare poolSafe: number;
  declare poolUsed: number;
  declare poolNeed: number;
  /** Log lines given up; of the process. */
  declare droppedLogs: number;
  readonly sessionRate: RateCounter;
  readonly connectionRate: RateCounter;
  readonly requestRate: RateCounter;
  /** Milliseconds: waiting in queue, connecting, waiting for the response, whole session. */
  readonly qtime: MovingAverage;
  readonly ctime: MovingAverage;
  readonly rtime: MovingAverage;
  readonly ttime: MovingAverage;
  readonly cells: Float64Array;
  readonly #rows: readonly Float64Array[];

  /** `rows` of COUNTER_CELLS numbers, one a worker; `own` is ours among them. */
  constructor(
    rows: readonly Float64Array[] = [new Float64Array(COUNTER_CELLS)],
    own: Float64Array = rows[0]!,
  ) {
    this.cells = own;
    this.#rows = rows;
    const rate = (index: number) => new RateCounter(rows, own, RATES_AT + index * RATE_CELLS);
    this.sessionRate = rate(0);
    this.connectionRate = rate(1);
    this.requestRate = rate(2);
    const average = (index: number) =>
      new MovingAverage(rows, own, AVERAGES_AT + index * AVERAGE_CELLS);
    this.qtime = average(0);
    this.ctime = average(1);
    this.rtime = average(2);
    this.ttime = average(3);
  }

  /** When the last session was given here, milliseconds since the epoch; undefined = never. */
  get lastSession(): number | undefined {
    return this.cells[LAST_SESSION]! || undefined;
  }

  set lastSession(at: number | undefined) {
    this.cells[LAST_SESSION] = at ?? 0;
  }

  /** Sessions now, of all workers. */
  get present(): number {
    return this.#sum(SCUR);
  }

  /** Sessions that wait for a place now, of all workers. */
  get waiting(): number {
    return this.#sum(QCUR);
  }

  /** The sums over all workers, of this moment; maxima are those of the whole. */
  totals(now: number = Date.now()): Totals {
    return totalsOf(this, this.#rows, now);
  }

  /** A session begins here: counts it as current, in the total and in the rate. */
  sessionStarted(now: number = Date.now()): void {
    this.#occupied();
    this.sessionCounted(now);
  }

  /** A connection came in, which is a session only once its PROXY header, if any, is there. */
  connectionStarted(now: number): void {
    this.#occupied();
    this.connTot += 1;
    this.connectionRate.hit(now);
  }

  sessionCounted(now: number): void {
    this.stot += 1;
    this.sessionRate.hit(now);
  }

  sessionEnded(): void {
    this.scur -= 1;
  }

  /** Files a response under its status class. */
  response(status: number): void {
    if (status >= 100 && status < 200) this.hrsp1xx += 1;
    else if (status >= 200 && status < 300) this.hrsp2xx += 1;
    else if (status >= 300 && status < 400) this.hrsp3xx += 1;
    else if (status >= 400 && status < 500) this.hrsp4xx += 1;
    else if (status >= 500 && status < 600) this.hrsp5xx += 1;
    else this.hrspOther += 1;
  }

  /** Forgets the highest values ever seen (`clear counters`). */
  clearMaxima(): void {
    this.smax = this.#sum(SCUR);
    this.qmax = this.#sum(QCUR);
    for (const rate of [this.sessionRate, this.connectionRate, this.requestRate]) rate.max = 0;
    for (const time of [this.qtime, this.ctime, this.rtime, this.ttime]) time.max = 0;
  }

  /** Starts anew, but for what is counted as present (`clear counters all`). */
  clearAll(): void {
    const { scur, qcur } = this;
    this.cells.fill(0, 0, LONGEST_WAIT);
    this.scur = scur;
    this.qcur = qcur;
    this.clearMaxima();
    for (const time of [this.qtime, this.ctime, this.rtime, this.ttime]) time.clear();
  }

  queued(): void {
    this.qcur += 1;
    const waiting = this.#sum(QCUR);
    if (waiting > this.qmax) this.qmax = waiting;
  }

  unqueued(): void {
    this.qcur -= 1;
  }

  /** Since when who has waited longest waits; 0 = nobody does. */
  set longestWait(since: number) {
    this.cells[LONGEST_WAIT] = since;
  }

  /** The other worker in which somebody has waited longest, if that is longer than since `than`. */
  elder(than: number): { row: number; since: number } | undefined {
    let found: { row: number; since: number } | undefined;
    for (const [index, row] of this.#rows.entries()) {
      const since = row[LONGEST_WAIT]!;
      if (row === this.cells || since === 0 || since >= (found?.since ?? than)) continue;
      found = { row: index, since };
    }
    return found;
  }

  #occupied(): void {
    this.scur += 1;
    const present = this.#rows.length === 1 ? this.scur : this.#sum(SCUR);
    if (present > this.smax) this.smax = present;
  }

  #sum(index: number): number {
    let sum = 0;
    for (const row of this.#rows) sum += row[index]!;
    return sum;
  }
}

for (const [index, name] of PLAIN.entries()) {
  Object.defineProperty(Counters.prototype, name, {
    get(this: Counters) {
      return this.cells[index]!;
    },
    set(this: Counters, value: number) {
      this.cells[index] = value;
    },
  });
}
