declare module 'kafkajs/src/network/requestQueue/index.js' {
  /** The queue of one connection, as far as the bridge touches it. */
  export default class RequestQueue {
    pending: unknown[];
    throttledUntil: number;
    scheduleCheckPendingRequests(): void;
  }
}
