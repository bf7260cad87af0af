import type net from 'node:net';
import { copyOf } from './read-buffers.ts';

/** Every socket reads into this one buffer; what is read is copied out of it at once. */
const shared = Buffer.allocUnsafeSlow(65_536);

/**
 * The `onread` option of a socket that tells its 'data' listeners of what it reads without a fresh
 * 64 KiB for each read. Large chunks are on loan: see `read-buffers.ts`.
 */
export const SHARED_READ = {
  buffer: shared,
  callback(this: net.Socket, length: number): boolean {
    this.emit('data', copyOf(shared.subarray(0, length)));
    return true;
  },
};
