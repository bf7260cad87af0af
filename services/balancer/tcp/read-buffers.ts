/**
 * Buffers for large reads on their way to the other side, used over and over: a fresh one for each
 * read costs more than copying into it, and as much again to collect.
 */
const free: ArrayBuffer[] = [];
/** Those that are out: nothing else is taken back, and nothing twice. */
const out = new WeakSet<ArrayBufferLike>();
/** Most buffers kept; what is beyond is left to the garbage collector. */
const KEPT = 32;
const SIZE = 65_536;
/** Up to here the runtime's own slabs are the cheaper place. */
const SMALL = 4096;

/** A copy of `bytes`, at most 64 KiB of them; may be given back once nothing needs it any more. */
export function copyOf(bytes: Uint8Array): Buffer {
  const { length } = bytes;
  const copy = length <= SMALL ? Buffer.allocUnsafe(length) : Buffer.from(take(), 0, length);
  copy.set(bytes);
  return copy;
}

function take(): ArrayBufferLike {
  const buffer = free.pop() ?? Buffer.allocUnsafeSlow(SIZE).buffer;
  out.add(buffer);
  return buffer;
}

/** Takes back what `copyOf` gave: from now on it may be overwritten. */
export function giveBack({ buffer }: Uint8Array): void {
  if (out.delete(buffer) && free.length < KEPT) free.push(buffer as ArrayBuffer);
}
