import { execFileSync } from 'node:child_process';
import { z } from 'zod';
import { BrambleError, describeError, ERROR_CODES } from '#core/errors.ts';

/** A disk that a card reader or a stick shows itself as. */
export interface CardDevice {
  /** `sdb`, `mmcblk0` */
  name: string;
  path: string;
  /** Bytes. */
  size: number;
  model: string;
  mounted: string[];
  /** Why it is not to be written; undefined: it may be. */
  refused: string | undefined;
}

/** Cards for a Pi; whoever wants to write a larger disk does not mean a card. */
const SIZE_MIN = 4e9;
const SIZE_MAX = 512e9;

const base = z.object({
  name: z.string(),
  path: z.string(),
  size: z.number(),
  rm: z.boolean(),
  ro: z.boolean(),
  type: z.string(),
  tran: z.string().nullable().default(null),
  model: z.string().nullable().default(null),
  mountpoints: z.array(z.string().nullable()).default([]),
});
type Listed = z.output<typeof base> & { children?: Listed[] | undefined };
const listed: z.ZodType<Listed> = base.extend({
  children: z.lazy(() => z.array(listed)).optional(),
});
const told = z.object({ blockdevices: z.array(listed) });

/** Disks of this machine, and which of them may be a card. Throws PROGRAM_MISSING. */
export function listDevices(): CardDevice[] {
  const columns = 'NAME,PATH,SIZE,RM,RO,TYPE,TRAN,MODEL,MOUNTPOINTS';
  try {
    return readDevices(
      execFileSync('lsblk', ['--json', '--bytes', '-o', columns], { encoding: 'utf8' }),
    );
  } catch (cause) {
    throw new BrambleError(ERROR_CODES.PROGRAM_MISSING, `lsblk: ${describeError(cause)}`, {
      cause,
      hint: 'sudo apt-get install util-linux',
    });
  }
}

/** As listDevices, from what lsblk(8) prints with --json --bytes. */
export function readDevices(json: string): CardDevice[] {
  const { blockdevices } = told.parse(JSON.parse(json));
  return blockdevices
    .filter(({ type, size }) => type === 'disk' && size > 0)
    .map((disk) => {
      const { name, path, size, model } = disk;
      const mounted = mountsOf(disk);
      return {
        name,
        path,
        size,
        model: model?.trim() ?? '',
        mounted,
        refused: refusal(disk, mounted),
      };
    });
}

function mountsOf({ mountpoints, children = [] }: Listed): string[] {
  return [...mountpoints, ...children.flatMap(mountsOf)].filter((at) => at !== null);
}

function refusal({ rm, ro, tran, size, name }: Listed, mounted: string[]): string | undefined {
  const isCard = rm || tran === 'usb' || name.startsWith('mmcblk');
  if (!isCard) return 'not removable';
  if (ro) return 'write-protected';
  const own = mounted.find((at) => /^\/($|boot|home|usr|var|etc|\[SWAP\])|^\[SWAP\]/.test(at));
  if (own !== undefined) return `this machine runs from it (${own})`;
  if (mounted.length > 0) return `in use: mounted at ${mounted.join(', ')}`;
  if (size < SIZE_MIN) return 'too small for a system';
  return size > SIZE_MAX ? 'too large to be a card' : undefined;
}
