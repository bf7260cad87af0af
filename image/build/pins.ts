import { readFile } from 'node:fs/promises';
import { linesOf } from './recipe.ts';

/** Versions by package. */
export type Pins = Map<string, string>;

/** A list of `package=version` is of one day: no file of the system is newer than its midnight. */
export function pinsText(list: string, day: string): string {
  return `# Debian's packages as of ${day}; \`make image-pins\` writes this list anew.\n${list}`;
}

/** That day in seconds since the epoch. Throws where the list does not tell it. */
export function pinsDate(text: string): number {
  const day = /as of (\d{4}-\d\d-\d\d);/.exec(text)?.[1] ?? '';
  const date = Date.parse(`${day}T00:00:00Z`) / 1000;
  if (!Number.isInteger(date))
    throw new Error('the list of versions does not say of which day it is');
  return date;
}

const DAY = 86_400_000;

/** Versions to take, where they are given, and what no file is newer than. */
export interface Snapshot {
  pins: Pins | undefined;
  /** `2026-11-21`. */
  day: string;
  /** Its midnight, seconds since the epoch. */
  date: number;
}

/** The pins of a file; with `refresh`, or where there are none yet, whatever there is today. */
export async function readSnapshot(file: string, refresh: boolean): Promise<Snapshot> {
  const pinned = refresh ? undefined : await readPins(file);
  const date = pinned?.date ?? Math.floor(Date.now() / DAY) * (DAY / 1000);
  return { pins: pinned?.pins, date, day: new Date(date * 1000).toISOString().slice(0, 10) };
}

/** Reads a list of `package=version`; undefined where there is none yet. */
export async function readPins(file: string): Promise<{ pins: Pins; date: number } | undefined> {
  const text = await readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  });
  return text === undefined ? undefined : { pins: parsePins(text), date: pinsDate(text) };
}

/** Throws at a line that is not `package=version`. */
export function parsePins(text: string): Pins {
  return new Map(
    linesOf(text).map((line) => {
      const [name, version, more] = line.split('=');
      if (!name || !version || more !== undefined) throw new Error(`not package=version: ${line}`);
      return [name, version];
    }),
  );
}

/** Apt's preferences (apt_preferences(5)) by which it takes these versions, newer ones or not. */
export function pinPreferences(pins: Pins): string {
  return [...pins]
    .map(([name, version]) => `Package: ${name}\nPin: version ${version}\nPin-Priority: 1001\n`)
    .join('\n');
}

/** What differs between the pins and what was installed, one line a package. */
export function compare(pins: Pins, installed: Pins): string[] {
  const names = [...new Set([...pins.keys(), ...installed.keys()])].sort();
  return names.flatMap((name) => {
    const [pinned, found] = [pins.get(name), installed.get(name)];
    if (pinned === found) return [];
    return [`${name}: ${pinned ?? 'not in the list'}, installed: ${found ?? 'not at all'}`];
  });
}
