/** Where finished lines go. A slow reader costs lines (counted), never time or memory. */
export interface Output {
  /** `line` ends with a line feed. */
  write(line: string): void;
  /** Lines given up because the other end did not take them. */
  readonly dropped: number;
  /** Gives what is buffered a short while to leave. */
  close(): Promise<void>;
}

/** Most that an output buffers, in bytes (counted as characters). */
export const MAX_BUFFERED = 1 << 20;

/** How long `close` waits for a reader that does not read, in milliseconds. */
export const CLOSE_PATIENCE = 200;
