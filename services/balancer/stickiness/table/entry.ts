/** What a table knows of one key. In a list by last use, the oldest first. */
export class StickEntry {
  readonly key: string;
  readonly data: Float64Array;
  /** Name of the server that it sticks to. */
  serverKey = '';
  /** On the clock of performance.now(), milliseconds; 0 = never. */
  expire = 0;
  /** Who tracks it now: as long as somebody does, it stays. */
  users = 0;
  older: StickEntry | undefined;
  newer: StickEntry | undefined;

  constructor(key: string, width: number) {
    this.key = key;
    this.data = new Float64Array(width);
  }
}
