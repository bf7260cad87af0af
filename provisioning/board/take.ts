import { renameSync, statSync } from 'node:fs';
import path from 'node:path';
import { loadCluster } from '#core/config/cluster.ts';
import { describeError } from '#core/errors.ts';
import { flushDirectory, overwrite, put, readText, replaceText } from './files.ts';
import { whileWritable } from './firmware.ts';
import { type Ground, within } from './ground.ts';
import { setHostname } from './hostname.ts';
import { applyUserData, applyWireless } from './owner.ts';
import { parseUserData } from './user-data.ts';
import { parseNetworkConfig } from './wireless.ts';

/** What came of looking at the card. */
export interface Taken {
  /** In words, for the owner. */
  said: readonly string[];
  /** What is wrong with what lies there now, a sentence each. */
  faults: readonly string[];
  /** Whether something was taken, which is told until the next time that something is. */
  taken: boolean;
}

export const CLUSTER = 'etc/bramble/cluster.yaml';
/** The services' group reads it. */
export const SECRET_MODE = 0o640;
const LEFT =
  'Taken. The node has the file in /etc/bramble; put a new cluster.yaml here to change it.\n';

/**
 * Takes what the owner or Raspberry Pi Imager has put on the FAT partition: host name, users, time
 * zone, Wi-Fi. Any computer reads that partition, so what was taken is overwritten there.
 */
export async function takeCustomisation(ground: Ground): Promise<Taken> {
  const userFile = path.join(ground.firmware, 'user-data');
  const networkFile = path.join(ground.firmware, 'network-config');
  const user = parseUserData(readText(userFile) ?? '');
  const wireless = parseNetworkConfig(readText(networkFile) ?? '');
  if (user.hostname !== undefined) setHostname(ground, user.hostname);
  const said = [...applyUserData(ground, user), ...applyWireless(ground, wireless)];
  const asks = user.hostname !== undefined || user.timezone !== undefined || user.owners.length > 0;
  const joins = wireless.accessPoints.length > 0;
  const kept = await forget(ground, [
    ...(asks ? [{ file: userFile, left: '#cloud-config\n# Taken by this node.\n' }] : []),
    ...(joins ? [{ file: networkFile, left: '# network-config\n# Taken by this node.\n' }] : []),
  ]);
  // A note is told for as long as its file lies there; what was taken is gone from it.
  const faults = asks || joins ? kept : [...user.notes, ...wireless.notes];
  return { said: [...said, ...kept], faults, taken: asks || joins };
}

/** Takes a cluster.yaml that has no errors; one with errors stays, and the one from before holds. */
export async function takeCluster(ground: Ground): Promise<Taken> {
  const file = path.join(ground.firmware, 'cluster.yaml');
  const taken = `${file}.taken`;
  const before = readText(taken);
  // The power went while it was being overwritten.
  if (before !== undefined && before !== LEFT) await forget(ground, [{ file: taken, left: LEFT }]);
  const text = readText(file);
  if (text === undefined) return { said: [], faults: [], taken: false };
  try {
    loadCluster(file);
  } catch (error) {
    const lines = describeError(error)
      .split('\n')
      .map((line) => line.replace(`${ground.firmware}/`, ''));
    const title = 'cluster.yaml has errors and was not taken:';
    const faults = [`The card's ${title} ${lines.join('; ')}`];
    return { said: [title, ...lines.map((line) => `  ${line}`)], faults, taken: false };
  }
  put(within(ground, CLUSTER), text, SECRET_MODE);
  const kept = await forget(ground, [{ file, left: LEFT, as: taken }]);
  return { said: ['cluster.yaml was taken from the card.', ...kept], faults: kept, taken: true };
}

interface Secret {
  file: string;
  /** What is there instead. */
  left: string;
  /** Its name from now on. */
  as?: string;
}

/** Secrets do not stay where they were: their sectors are written over before the file is replaced. */
async function forget({ firmware }: Ground, files: readonly Secret[]): Promise<string[]> {
  if (files.length === 0) return [];
  try {
    await whileWritable(firmware, () => {
      for (const { file, left, as } of files) {
        // The name first: with zeros under the old one it would be an error at the next start.
        if (as !== undefined) renameSync(file, as);
        overwrite(as ?? file, Buffer.alloc(statSync(as ?? file).size), 0);
        replaceText(as ?? file, left);
      }
      flushDirectory(firmware);
    });
    return [];
  } catch (error) {
    return [`What was taken could not be removed from the card: ${describeError(error)}`];
  }
}
