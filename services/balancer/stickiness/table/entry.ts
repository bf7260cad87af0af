/** What a table knows of one key. */
export interface StickEntry {
  readonly key: string;
  /** Name of the server that it sticks to. */
  serverKey: string;
  /** Who tracks it now: as long as somebody does, it stays. */
  readonly users: number;
  /** Somebody tracks it from now on, and no more. */
  enter(): void;
  leave(): void;
}

/** One of a table that a single worker has. In a list by last use, the oldest first. */
export class OwnEntry implements StickEntry {
  readonly key: string;
  readonly data: Float64Array;
  serverKey = '';
  /** On the clock of performance.now(), milliseconds; 0 = never. */
  expire = 0;
  users = 0;
  older: OwnEntry | undefined;
  newer: OwnEntry | undefined;

  constructor(key: string, width: number) {
    this.key = key;
    this.data = new Float64Array(width);
  }

  enter(): void {
    this.users += 1;
  }

  leave(): void {
    this.users -= 1;
  }
}
