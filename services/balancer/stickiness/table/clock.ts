/** The runtime's own clock begins anew in every worker; the system's does not. */
const [seconds, nanoseconds] = process.hrtime();
const OFFSET = seconds * 1000 + nanoseconds / 1e6 - performance.now();

/** Milliseconds on a clock that never goes back and that all workers share; never 0. */
export const tableNow = (): number => Math.floor(performance.now() + OFFSET) + 1;
