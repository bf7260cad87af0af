/** A file of an archive. */
export interface Member {
  /** Without a leading slash. */
  name: string;
  /** Type and permissions, as in stat(2). */
  mode: number;
  content: Buffer;
}

/** cpio(5), "New ASCII Format": 110 bytes of digits, then name and content on four bytes each. */
const MAGIC = '070701';
const HEADER = 110;
const FIELD = 8;
const TRAILER = 'TRAILER!!!';

/** An archive as the kernel unpacks it (Documentation/driver-api/early-userspace/buffer-format). */
export function packCpio(members: readonly Member[], date: number): Buffer {
  const parts = members.map((member, index) => entry(member, index + 1, date));
  return Buffer.concat([
    ...parts,
    entry({ name: TRAILER, mode: 0, content: Buffer.alloc(0) }, 0, 0),
  ]);
}

function entry({ name, mode, content }: Member, inode: number, date: number): Buffer {
  const fields = [inode, mode, 0, 0, 1, date, content.length, 0, 0, 0, 0, name.length + 1, 0];
  const digits = fields.map((field) => field.toString(16).toUpperCase().padStart(FIELD, '0'));
  return Buffer.concat([
    aligned(Buffer.from(`${MAGIC}${digits.join('')}${name}\0`, 'latin1')),
    aligned(content),
  ]);
}

/** Whether an archive starts there. */
export function isCpio(bytes: Buffer, at: number): boolean {
  return bytes.toString('latin1', at, at + MAGIC.length) === MAGIC;
}

/** Throws where the bytes are no archive, or end early. */
export function unpackCpio(archive: Buffer): Member[] {
  return readCpio(archive, 0).members;
}

/** As unpackCpio, from an offset; with where the archive ends. */
export function readCpio(archive: Buffer, from: number): { members: Member[]; end: number } {
  const members: Member[] = [];
  for (let at = from; ; ) {
    if (!isCpio(archive, at)) {
      throw new Error(`no cpio archive: its entry at ${at} has no ${MAGIC}`);
    }
    const field = (index: number): number =>
      Number.parseInt(
        archive.toString('latin1', at + 6 + FIELD * index, at + 14 + FIELD * index),
        16,
      );
    const [mode, size, nameSize] = [field(1), field(6), field(11)];
    const name = archive.toString('latin1', at + HEADER, at + HEADER + nameSize - 1);
    const start = up(at + HEADER + nameSize);
    const end = start + size;
    if (name === TRAILER) return { members, end: start };
    if (!(end <= archive.length)) throw new Error(`cpio archive ends within ${name}`);
    members.push({ name, mode, content: archive.subarray(start, end) });
    at = up(end);
  }
}

/** Filled up to the next multiple of four. */
export function aligned(bytes: Buffer): Buffer {
  return Buffer.concat([bytes, Buffer.alloc(up(bytes.length) - bytes.length)]);
}

function up(length: number): number {
  return Math.ceil(length / 4) * 4;
}
