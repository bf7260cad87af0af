import { readFile } from 'node:fs/promises';
import type { Vitals } from '#core/contracts/vitals.ts';

/** Where a board says what it is: the device tree on a Pi, the firmware's DMI on a PC. */
const MODEL_FILES = ['/proc/device-tree/model', '/sys/class/dmi/id/product_name'];
const OS_RELEASE = '/etc/os-release';
const MAX_NAME = 80;

/** What does not change while the machine is up. What it does not say is absent. */
export async function readIdentity(): Promise<Pick<Vitals, 'model' | 'os'>> {
  const [models, release] = await Promise.all([
    Promise.all(MODEL_FILES.map(readIfThere)),
    readIfThere(OS_RELEASE),
  ]);
  // The device tree ends its strings with NUL.
  const model = models.map((text) => text.replaceAll('\0', '').trim()).find(Boolean);
  const name = parseOsRelease(release);
  return { ...(model ? { model: model.slice(0, MAX_NAME) } : {}), ...(name ? { os: name } : {}) };
}

/** PRETTY_NAME of os-release(5), or undefined. */
export function parseOsRelease(text: string): string | undefined {
  const match = /^PRETTY_NAME=(?:"([^"]*)"|'([^']*)'|(\S*))$/m.exec(text);
  return (match?.[1] ?? match?.[2] ?? match?.[3])?.slice(0, MAX_NAME) || undefined;
}

async function readIfThere(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch {
    return '';
  }
}
