import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import { THROTTLE_FLAGS, type ThrottleFlag, type Vitals } from '#core/contracts/vitals.ts';
import { systemCode } from '#core/errors.ts';

/** Where the Raspberry Pi kernel shows the firmware's word; reading it costs no process. */
const SYSFS = '/sys/devices/platform/soc/soc:firmware/get_throttled';
const VCGENCMD = '/usr/bin/vcgencmd';
const TIMEOUT = 2000;
/** Bits 0–3 are now, bits 16–19 since boot (Raspberry Pi documentation, get_throttled). */
const SINCE_BOOT_SHIFT = 16;

const run = promisify(execFile);
type Throttled = NonNullable<Vitals['throttled']>;

/** `throttled=0x50005` or `50005` → flags. Undefined when it is no hexadecimal number. */
export function parseThrottled(text: string): Throttled | undefined {
  const match = /^(?:throttled=)?(?:0x)?([0-9a-f]{1,8})\s*$/i.exec(text);
  if (!match) return undefined;
  const bits = Number.parseInt(match[1]!, 16);
  const flags = (shift: number): ThrottleFlag[] =>
    THROTTLE_FLAGS.filter((_, index) => ((bits >>> (shift + index)) & 1) === 1);
  return { now: flags(0), sinceBoot: flags(SINCE_BOOT_SHIFT) };
}

/** Asks the firmware, through sysfs or else vcgencmd; a machine without either has no answer. */
export class ThrottleReader {
  #absent = false;

  async read(): Promise<Throttled | undefined> {
    if (this.#absent) return undefined;
    try {
      return parseThrottled(await readFile(SYSFS, 'utf8'));
    } catch {
      // Not the Raspberry Pi kernel; the tool may still be there.
    }
    try {
      const { stdout } = await run(VCGENCMD, ['get_throttled'], { timeout: TIMEOUT });
      return parseThrottled(stdout);
    } catch (error) {
      if (systemCode(error) === 'ENOENT') this.#absent = true;
      return undefined;
    }
  }
}
