import { readdirSync } from 'node:fs';
import { systemCode } from './errors.ts';

/** On a node of its own; `bramble drain`, the playbooks and the watchdog put their files here. */
export const DRAIN_DIRECTORY = '/run/bramble-drain';

/**
 * Who wants this node to take no new work: the names of the files in a directory. One file each, so
 * that the watchdog's going back to work does not undo what the owner has asked for. The directory
 * is in memory: a node that starts again takes part again.
 *
 * A directory that is not there asks for nothing; one that cannot be read throws a system error.
 */
export function drainedBy(directory: string): string[] {
  try {
    return readdirSync(directory).sort();
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return [];
    throw error;
  }
}
