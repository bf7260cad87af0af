import { execFileSync } from 'node:child_process';
import { hostname } from 'node:os';
import path from 'node:path';
import { describeError } from '#core/errors.ts';
import { FIRMWARE } from './firmware.ts';

/** The system that is configured. */
export interface Ground {
  /** Where it is mounted. */
  readonly root: string;
  /** Where its FAT partition is. */
  readonly firmware: string;
  readonly hostname: string;
  /** Runs a program of the system with `input`; false where it is missing or fails. */
  run(program: string, args: readonly string[], input?: string): boolean;
}

/** The system that runs here. */
export function thisSystem(firmware = FIRMWARE): Ground {
  return {
    root: '/',
    firmware,
    hostname: hostname(),
    run(program, args, input = '') {
      try {
        execFileSync(program, args, { input, stdio: ['pipe', 'pipe', 'pipe'] });
        return true;
      } catch (error) {
        process.stderr.write(`${describeError(error)}\n`);
        return false;
      }
    },
  };
}

/** A path of the system, from its root. */
export function within({ root }: Ground, file: string): string {
  return path.join(root, file);
}
