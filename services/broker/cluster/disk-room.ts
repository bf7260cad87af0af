import { statfs } from 'node:fs/promises';
import { describeError } from '#core/errors.ts';
import type { Logger } from '#core/log.ts';

export interface DiskRoomOptions {
  /** Where the nats-server of this node stores. */
  directory: string;
  /** Told of each change, and once at the start when there is little. */
  onChange: (low: boolean) => void;
  log: Logger;
}

/** Between two looks, milliseconds: a card takes some 10 MiB in that time. */
const INTERVAL = 250;
/** What JetStream may still need for what was acknowledged; of a small disk a twentieth. */
const RESERVE = 64 << 20;
const SHARE = 20;
/** So much more must be free before there is room again. */
const AGAIN = 1.5;

/**
 * Whether there is room for more messages. JetStream acknowledges what its Raft log has and writes
 * streams a moment later: on a disk without any room that moment never comes, and what a majority
 * had is gone with the next start. So messages end while there is room for what came before.
 */
export class DiskRoom {
  readonly #options: DiskRoomOptions;
  #timer: NodeJS.Timeout | undefined;
  #looking = false;
  #low = false;

  constructor(options: DiskRoomOptions) {
    this.#options = options;
  }

  start(): void {
    this.#timer = setInterval(() => void this.#look(), INTERVAL);
    void this.#look();
  }

  close(): void {
    clearInterval(this.#timer);
  }

  async #look(): Promise<void> {
    if (this.#looking) return;
    this.#looking = true;
    const { directory, onChange, log } = this.#options;
    try {
      const { bavail, blocks, bsize } = await statfs(directory);
      const free = bavail * bsize;
      const reserve = Math.min(RESERVE, (blocks * bsize) / SHARE);
      const low = free < (this.#low ? reserve * AGAIN : reserve);
      if (low === this.#low) return;
      this.#low = low;
      if (low) log.error({ free }, `the disk under ${directory} is nearly full: make room on it`);
      else log.info({ free }, `there is room again under ${directory}`);
      onChange(low);
    } catch (error) {
      // Not there before nats-server's first start.
      log.debug(`${directory}: ${describeError(error)}`);
    } finally {
      this.#looking = false;
    }
  }
}
