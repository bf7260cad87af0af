/**
 * Buffers for large reads on their way to the other side, used over and over: a fresh one for each
 * read costs more than copying into it, and as much again to collect.
 */
const free: ArrayBuffer[] = [];
/** Most buffers kept; what is beyond is left to the garbage collector. */
const KEPT = 32;
const SIZE = 65_536;
/** Up to here the runtime's own slabs are the cheaper place. */
const SMALL = 4096;

/** A copy of `bytes`, at most 64 KiB of them; `giveBack` it once nothing needs it any more. */
export function copyOf(bytes: Uint8Array): Buffer {
  const { length } = bytes;
  const copy =
    length <= SMALL
      ? Buffer.allocUnsafe(length)
      : Buffer.from(free.pop() ?? Buffer.allocUnsafeSlow(SIZE).buffer, 0, length);
  copy.set(bytes);
  return copy;
}

/** Takes back what `copyOf` gave: from now on it may be overwritten. */
export function giveBack(copy: Uint8Array): void {
  const { buffer } = copy;
  if (copy.length > SMALL && free.length < KEPT) free.push(buffer as ArrayBuffer);
}
