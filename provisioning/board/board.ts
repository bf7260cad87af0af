import { existsSync, readdirSync } from 'node:fs';
import { networkInterfaces } from 'node:os';
import path from 'node:path';
import { readText } from './files.ts';

/** What tells one board from another. */
export interface Board {
  /** Hexadecimal, as `/proc/cpuinfo` shows it; undefined on a machine without one. */
  serial: string | undefined;
  /** Of its own network cards, in lower case. */
  macs: readonly string[];
  /** That others reach it at; none while the router is away. */
  addresses: readonly string[];
}

/** From the firmware's device tree (its `serial-number` is the Pi's) and the kernel's network. */
export function readBoard(root = '/'): Board {
  const serial = readText(path.join(root, 'proc/device-tree/serial-number'));
  return {
    serial: serial?.replace(/\0.*$/s, '').trim().toLowerCase() || undefined,
    macs: readMacs(path.join(root, 'sys/class/net')),
    addresses: Object.values(networkInterfaces())
      .flatMap((all) => all ?? [])
      .filter(({ internal, scopeid }) => !internal && !scopeid)
      .map(({ address }) => address),
  };
}

function readMacs(directory: string): string[] {
  const names = existsSync(directory) ? readdirSync(directory).sort() : [];
  return names
    .filter((name) => existsSync(path.join(directory, name, 'device')))
    .map((name) => (readText(path.join(directory, name, 'address')) ?? '').trim().toLowerCase())
    .filter((mac) => mac !== '');
}
