import type { Logger } from '#core/log.ts';
import { DiskRoom, type Room } from './disk-room.ts';
import { continueEngine, stopEngine } from './engine-process.ts';
import type { Members } from './members.ts';

export interface DiskGuardOptions {
  /** Where the nats-server of this node stores. */
  directory: string;
  members: Pick<Members, 'tellFull'>;
  /** Where it writes its process id: with it, it stands still while there is no room at all. */
  pidFile: string | undefined;
  log: Logger;
}

/**
 * Tells the others how it stands with this node's disk, and keeps its nats-server from a full one.
 * JetStream that may not write gives its files up, compacts the Raft logs that it would need to
 * mend them, and is out of service until it is started again. Standing still it loses nothing: the
 * other nodes go on without it, and when there is room it goes on where it was.
 */
export class DiskGuard {
  readonly #options: DiskGuardOptions;
  readonly #disk: DiskRoom;
  #before: Room | undefined;
  #full = false;

  constructor(options: DiskGuardOptions) {
    this.#options = options;
    const { directory, log } = options;
    this.#disk = new DiskRoom({ directory, log, onLook: (room) => this.#saw(room) });
  }

  /** Why this node should get no clients now. */
  get unready(): string | undefined {
    return this.#disk.room === 'none'
      ? `the disk under ${this.#options.directory} is full: make room on it`
      : undefined;
  }

  start(): void {
    this.#disk.start();
  }

  /**
   * Leaves a nats-server that stands still as it is, since the disk is as full as before: the next
   * broker sees to it, or systemd, which lets it go on to end it.
   */
  close(): void {
    this.#disk.close();
  }

  #saw(room: Room): void {
    const { members, pidFile, log } = this.#options;
    const before = this.#before;
    this.#before = room;
    const full = room !== 'enough';
    if (full !== this.#full) members.tellFull(full);
    this.#full = full;
    if (pidFile === undefined) return;
    // At each look: somebody may have started another one.
    if (room === 'none') stopEngine(pidFile, 'its disk is full', log);
    // At the first look, too: the broker before may have left it so.
    else if (before === undefined || before === 'none') continueEngine(pidFile, log);
  }
}
