import { MovingAverage, RateCounter } from './rate.ts';

/**
 * What is counted for a frontend, a backend or a server, under the names of HAProxy's statistics
 * (management guide, section 9.1). Plain numbers that the planes add to; bytes are seen from the
 * client: `bin` came from it, `bout` went to it.
 */
export class Counters {
  /** Sessions now, and the most there ever were. */
  scur = 0;
  smax = 0;
  /** Sessions since the start. */
  stot = 0;
  /** Sessions waiting for a place now, and the most there ever were. */
  qcur = 0;
  qmax = 0;
  bin = 0;
  bout = 0;
  dreq = 0;
  dresp = 0;
  ereq = 0;
  econ = 0;
  eresp = 0;
  wretr = 0;
  wredis = 0;
  cliAborts = 0;
  srvAborts = 0;
  /** Times that balancing (not stickiness) chose this server or backend. */
  lbtot = 0;
  connTot = 0;
  reqTot = 0;
  /** Requests that we answered ourselves (statistics). */
  intercepted = 0;
  /** Connections opened to servers, and exchanges that used an idle one instead. */
  connect = 0;
  reuse = 0;
  hrsp1xx = 0;
  hrsp2xx = 0;
  hrsp3xx = 0;
  hrsp4xx = 0;
  hrsp5xx = 0;
  hrspOther = 0;
  /** When the last session was given here, milliseconds since the epoch; undefined = never. */
  lastSession: number | undefined;
  readonly sessionRate = new RateCounter();
  readonly connectionRate = new RateCounter();
  readonly requestRate = new RateCounter();
  /** Milliseconds: waiting in queue, connecting, waiting for the response, whole session. */
  readonly qtime = new MovingAverage();
  readonly ctime = new MovingAverage();
  readonly rtime = new MovingAverage();
  readonly ttime = new MovingAverage();

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
    this.smax = this.scur;
    this.qmax = this.qcur;
    for (const rate of [this.sessionRate, this.connectionRate, this.requestRate]) rate.max = 0;
    for (const time of [this.qtime, this.ctime, this.rtime, this.ttime]) time.max = 0;
  }

  /** Starts anew, but for what is counted as present (`clear counters all`). */
  clearAll(): void {
    const { scur, qcur } = this;
    Object.assign(this, plainNumbers());
    this.scur = scur;
    this.qcur = qcur;
    this.lastSession = undefined;
    this.clearMaxima();
    for (const time of [this.qtime, this.ctime, this.rtime, this.ttime]) time.clear();
  }

  queued(): void {
    this.qcur += 1;
    if (this.qcur > this.qmax) this.qmax = this.qcur;
  }

  unqueued(): void {
    this.qcur -= 1;
  }

  #occupied(): void {
    this.scur += 1;
    if (this.scur > this.smax) this.smax = this.scur;
  }
}

/** The plain counts of one that is fresh. */
function plainNumbers(): Record<string, number> {
  return Object.fromEntries(
    Object.entries(new Counters()).filter(
      (entry): entry is [string, number] => typeof entry[1] === 'number',
    ),
  );
}
