import { closeSync, openSync, readdirSync, readFileSync, readSync, writeSync } from 'node:fs';

/**
 * Gives running processes another CLOCK_REALTIME than this machine's. Namespaces have none of their
 * own (time_namespaces(7)), and a preloaded library does not reach programs that ask the kernel
 * themselves, as Go's do. All of them ask the vDSO (vdso(7)), which each process has a private copy
 * of as soon as it is written to: there its functions are replaced by some that add an offset. Times
 * of the kernel (files, CLOCK_MONOTONIC) stay as they are, as they do when a clock is set.
 */
interface Vdso {
  start: number;
  size: number;
  image: Buffer;
}

/** Where the offset is, from the end of the vDSO: its last page is not filled. */
const SLOT = 64;
/** Marks what has been replaced, behind the offset. */
const MARK = Buffer.from('bramble1');

/** Whether this machine's processes can be given another clock: the code is for x86-64. */
export const CLOCKS = process.arch === 'x64';

/** Whether these have another clock already, so that it can be set while they run. */
export function haveClocks(pids: readonly number[]): boolean {
  return pids.every((pid) => {
    const vdso = readVdso(pid);
    return vdso === undefined || isReplaced(vdso);
  });
}

/**
 * Their clock is `seconds` ahead of this machine's from now on; less than 0: behind. The first time
 * the processes must stand still meanwhile. Returns false where one is inside the code that is replaced: let them
 * run, and try again.
 */
export function setClocks(pids: readonly number[], seconds: number): boolean {
  if (!Number.isInteger(seconds)) throw new Error('whole seconds');
  const found = pids.flatMap((pid) => {
    const vdso = readVdso(pid);
    return vdso === undefined ? [] : [{ pid, vdso }];
  });
  for (const { pid, vdso } of found) {
    if (!isReplaced(vdso) && runsIn(pid, vdso)) return false;
  }
  for (const { pid, vdso } of found) {
    const memory = openSync(`/proc/${pid}/mem`, 'r+');
    try {
      if (!isReplaced(vdso)) replace(memory, vdso);
      const offset = Buffer.alloc(8);
      offset.writeBigInt64LE(BigInt(seconds));
      writeSync(memory, offset, 0, 8, vdso.start + vdso.size - SLOT);
    } finally {
      closeSync(memory);
    }
  }
  return true;
}

/** Undefined for a process that ended, and for the kernel's own. */
function readVdso(pid: number): Vdso | undefined {
  let maps: string;
  try {
    maps = readFileSync(`/proc/${pid}/maps`, 'latin1');
  } catch {
    return undefined;
  }
  const [, from, to] = /^([0-9a-f]+)-([0-9a-f]+) .*\[vdso\]$/m.exec(maps) ?? [];
  if (from === undefined || to === undefined) return undefined;
  const start = Number.parseInt(from, 16);
  const size = Number.parseInt(to, 16) - start;
  const image = Buffer.alloc(size);
  const memory = openSync(`/proc/${pid}/mem`, 'r');
  try {
    readSync(memory, image, 0, size, start);
  } finally {
    closeSync(memory);
  }
  return { start, size, image };
}

function isReplaced({ image, size }: Vdso): boolean {
  return image.subarray(size - SLOT + 8, size - SLOT + 8 + MARK.length).equals(MARK);
}

/** Whether a thread would go on inside it: the last field of proc_pid_syscall(5). */
function runsIn(pid: number, { start, size }: Vdso): boolean {
  return readdirSync(`/proc/${pid}/task`).some((task) => {
    const fields = readFileSync(`/proc/${pid}/task/${task}/syscall`, 'latin1').trim().split(' ');
    const counter = Number(fields.at(-1));
    return !(counter < start || counter >= start + size);
  });
}

function replace(memory: number, { start, size, image }: Vdso): void {
  const slot = size - SLOT;
  if (image.subarray(slot).some((byte) => byte !== 0)) throw new Error('the vDSO has no room');
  const symbols = functionsOf(image);
  const codes = { clock_gettime: clockGettime, gettimeofday, time };
  for (const [name, code] of Object.entries(codes)) {
    const symbol = symbols.get(`__vdso_${name}`);
    if (symbol === undefined) throw new Error(`the vDSO has no ${name}`);
    const bytes = code((at) => slot - symbol.at - at);
    if (bytes.length > symbol.size) throw new Error(`no room for ${name} in the vDSO`);
    writeSync(memory, bytes, 0, bytes.length, start + symbol.at);
  }
  writeSync(memory, MARK, 0, MARK.length, start + slot + 8);
}

/** The displacement of the offset from the instruction that ends `at` bytes into the function. */
type ToSlot = (at: number) => number;

function int32(value: number): number[] {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32LE(value);
  return [...bytes];
}

/** int clock_gettime(clockid_t rdi, struct timespec *rsi), by system call 228. */
function clockGettime(toSlot: ToSlot): Buffer {
  return Buffer.from([
    ...[0xb8, ...int32(228)], // mov eax, 228
    ...[0x0f, 0x05], // syscall
    ...[0x85, 0xc0], // test eax, eax
    ...[0x75, 0x13], // jnz ret
    ...[0x85, 0xff], // test edi, edi: CLOCK_REALTIME
    ...[0x74, 0x05], // jz add
    ...[0x83, 0xff, 0x05], // cmp edi, 5: CLOCK_REALTIME_COARSE
    ...[0x75, 0x0a], // jne ret
    ...[0x48, 0x8b, 0x0d, ...int32(toSlot(27))], // add: mov rcx, [offset]
    ...[0x48, 0x01, 0x0e], // add [rsi], rcx
    0xc3, // ret
  ]);
}

/** int gettimeofday(struct timeval *rdi, void *rsi), by system call 96. */
function gettimeofday(toSlot: ToSlot): Buffer {
  return Buffer.from([
    ...[0xb8, ...int32(96)], // mov eax, 96
    ...[0x0f, 0x05], // syscall
    ...[0x48, 0x85, 0xff], // test rdi, rdi
    ...[0x74, 0x0a], // jz ret
    ...[0x48, 0x8b, 0x0d, ...int32(toSlot(19))], // mov rcx, [offset]
    ...[0x48, 0x01, 0x0f], // add [rdi], rcx
    0xc3, // ret
  ]);
}

/** time_t time(time_t *rdi), by system call 201. */
function time(toSlot: ToSlot): Buffer {
  return Buffer.from([
    ...[0xb8, ...int32(201)], // mov eax, 201
    ...[0x0f, 0x05], // syscall
    ...[0x48, 0x03, 0x05, ...int32(toSlot(14))], // add rax, [offset]
    ...[0x48, 0x85, 0xff], // test rdi, rdi
    ...[0x74, 0x03], // jz ret
    ...[0x48, 0x89, 0x07], // mov [rdi], rax
    0xc3, // ret
  ]);
}

/** Its functions by name: ELF-64's section of dynamic symbols (elf(5)). */
function functionsOf(image: Buffer): Map<string, { at: number; size: number }> {
  const DYNSYM = 11;
  const [headers, entry, count] = [
    Number(image.readBigUInt64LE(40)),
    image.readUInt16LE(58),
    image.readUInt16LE(60),
  ];
  const section = (index: number) => {
    const at = headers + index * entry;
    return {
      type: image.readUInt32LE(at + 4),
      offset: Number(image.readBigUInt64LE(at + 24)),
      size: Number(image.readBigUInt64LE(at + 32)),
      link: image.readUInt32LE(at + 40),
    };
  };
  const found = new Map<string, { at: number; size: number }>();
  for (let index = 0; index < count; index++) {
    const symbols = section(index);
    if (symbols.type !== DYNSYM) continue;
    const names = section(symbols.link).offset;
    for (let at = symbols.offset; at < symbols.offset + symbols.size; at += 24) {
      const name = names + image.readUInt32LE(at);
      const text = image.toString('latin1', name, image.indexOf(0, name));
      const [value, size] = [image.readBigUInt64LE(at + 8), image.readBigUInt64LE(at + 16)];
      found.set(text, { at: Number(value), size: Number(size) });
    }
  }
  return found;
}
