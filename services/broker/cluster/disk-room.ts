import { statfs } from 'node:fs/promises';
import { describeError } from '#core/errors.ts';
import type { Logger } from '#core/log.ts';

/** What a disk has left: enough, too little for more messages, or nothing that may be used up. */
export type Room = 'enough' | 'little' | 'none';

export interface DiskRoomOptions {
  /** Where the nats-server of this node stores. */
  directory: string;
  /** Called after each look, at most every `FASTEST_LOOK` milliseconds. */
  onLook: (room: Room) => void;
  log: Logger;
}

/** Between two looks where there is much room, milliseconds. */
const SLOWEST_LOOK = 250;
const FASTEST_LOOK = 20;
/** What the fastest of disks may take until the next look, bytes a millisecond. */
const FASTEST_DISK = 512 << 10;
/** What JetStream may still need for what was acknowledged; of a small disk a twentieth. */
const RESERVE = 64 << 20;
const SHARE = 20;
/** This part of it is left to none. */
const LAST = 1 / 4;
/** So many times the reserve must be free before there is enough again. */
const AGAIN = 1.5;

/**
 * How much room there is for messages. JetStream acknowledges what its Raft log has and writes
 * streams a moment later: on a disk without any room that moment never comes, and what a majority
 * had is gone with the next start. So messages end while there is room for what came before.
 */
export class DiskRoom {
  readonly #options: DiskRoomOptions;
  #timer: NodeJS.Timeout | undefined;
  #closed = false;
  #room: Room = 'enough';

  constructor(options: DiskRoomOptions) {
    this.#options = options;
  }

  get room(): Room {
    return this.#room;
  }

  start(): void {
    void this.#look();
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
  }

  async #look(): Promise<void> {
    const { directory, onLook, log } = this.#options;
    let delay = SLOWEST_LOOK;
    try {
      const { bavail, blocks, bsize } = await statfs(directory);
      if (this.#closed) return;
      const free = bavail * bsize;
      const reserve = Math.min(RESERVE, (blocks * bsize) / SHARE);
      this.#enter(roomFor(free, reserve, this.#room), free);
      onLook(this.#room);
      const edge = this.#room === 'enough' ? reserve : reserve * LAST;
      // What may be gone before the next look must not reach over the edge.
      delay = Math.min(Math.max((free - edge) / FASTEST_DISK, FASTEST_LOOK), SLOWEST_LOOK);
    } catch (error) {
      // Not there before nats-server's first start.
      log.debug(`${directory}: ${describeError(error)}`);
    }
    if (!this.#closed) this.#timer = setTimeout(() => void this.#look(), delay);
  }

  #enter(room: Room, free: number): void {
    const { directory, log } = this.#options;
    const before = this.#room;
    this.#room = room;
    if (room === before) return;
    if (room === 'enough') log.info({ free }, `there is room again under ${directory}`);
    else if (room === 'none')
      log.error({ free }, `the disk under ${directory} is full: make room on it`);
    else if (before === 'enough') {
      log.error({ free }, `the disk under ${directory} is nearly full: make room on it`);
    }
  }
}

function roomFor(free: number, reserve: number, before: Room): Room {
  if (free < reserve * LAST || (before === 'none' && free < reserve)) return 'none';
  if (free < reserve || (before !== 'enough' && free < reserve * AGAIN)) return 'little';
  return 'enough';
}
