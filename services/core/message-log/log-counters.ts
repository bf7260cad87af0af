export interface LogCounters {
  /** Messages given to `append`. */
  appended: number;
  /** Messages that a quorum has. */
  committed: number;
  /** Messages whose receipt was settled with an error. */
  failed: number;
  /** Records written, each once. */
  records: number;
  /** Records written again, to the same or to another shard. */
  resent: number;
  /** Lanes that turned to another shard. */
  failovers: number;
  /** Records read here, and messages in them. */
  read: number;
  delivered: number;
  /** Records that were skipped because they had come through another shard. */
  secondCopies: number;
  /** Records that had to be asked for, since nats-server did not bring them. */
  filled: number;
  /** Records that were gone before this node read them. */
  lost: number;
}

export function createLogCounters(): LogCounters {
  return {
    appended: 0,
    committed: 0,
    failed: 0,
    records: 0,
    resent: 0,
    failovers: 0,
    read: 0,
    delivered: 0,
    secondCopies: 0,
    filled: 0,
    lost: 0,
  };
}
