import { open, readFile, rename } from 'node:fs/promises';
import path from 'node:path';
import { z } from 'zod';
import { eventSchema } from '#core/contracts/status.ts';
import { BrambleError, ERROR_CODES, systemCode } from '#core/errors.ts';
import { RUNGS } from './ladder.ts';

const memorySchema = z.object({
  climbs: z.record(
    z.string(),
    z.object({
      rung: z.enum(RUNGS),
      tries: z.number(),
      at: z.number(),
      barred: z.boolean().optional(),
    }),
  ),
  /** When this node was restarted by us, wall-clock milliseconds. */
  reboots: z.array(z.number()),
  events: z.array(eventSchema),
});
/** What outlives a reboot. */
export type Memory = z.output<typeof memorySchema>;

/** Reads what was remembered; a file that is not there or is damaged remembers nothing. */
export async function readMemory(file: string, onDamaged: (why: unknown) => void): Promise<Memory> {
  try {
    return memorySchema.parse(JSON.parse(await readFile(file, 'utf8')));
  } catch (error) {
    if (systemCode(error) !== 'ENOENT') onDamaged(error);
    return { climbs: {}, reboots: [], events: [] };
  }
}

/**
 * Writes it so that a power cut leaves the old or the new one. Rejects with STORAGE, on a card that
 * is full or read-only.
 */
export async function writeMemory(file: string, memory: Memory): Promise<void> {
  const fresh = `${file}.new`;
  try {
    const handle = await open(fresh, 'w', 0o600);
    try {
      await handle.writeFile(JSON.stringify(memory));
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(fresh, file);
    const directory = await open(path.dirname(file), 'r');
    try {
      await directory.sync();
    } finally {
      await directory.close();
    }
  } catch (cause) {
    throw new BrambleError(ERROR_CODES.STORAGE, `cannot write ${file}`, { cause });
  }
}
