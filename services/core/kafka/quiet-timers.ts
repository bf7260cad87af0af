import RequestQueue from 'kafkajs/src/network/requestQueue/index.js';

let quiet = false;

/**
 * kafkajs lets each connection look for waiting requests about a thousand times a second, also
 * when there are none. From here on it looks only while something waits or Kafka throttles.
 */
export function quietTimers(): void {
  if (quiet) return;
  quiet = true;
  const schedule = RequestQueue.prototype.scheduleCheckPendingRequests;
  RequestQueue.prototype.scheduleCheckPendingRequests = function (this: RequestQueue): void {
    if (this.pending.length === 0 && this.throttledUntil <= Date.now()) return;
    schedule.call(this);
  };
}
