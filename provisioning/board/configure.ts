import { existsSync } from 'node:fs';
import { type ClusterConfig, loadCluster } from '#core/config/cluster.ts';
import { describeError } from '#core/errors.ts';
import { setAddress } from './address.ts';
import { type Board, readBoard } from './board.ts';
import { isClusterOfOne, makeClusterOfOne } from './cluster-of-one.ts';
import { put, readText } from './files.ts';
import { type Ground, within } from './ground.ts';
import { setHostname } from './hostname.ts';
import { identify, strangerText } from './identity.ts';
import { findProblems, lacksFirmware, tellProblems, updateProblems } from './problems.ts';
import { writeStatus } from './status.ts';
import { CLUSTER, type Taken, takeCluster, takeCustomisation } from './take.ts';

const REPORT = 'var/lib/bramble/card-report';

export interface ConfigureOptions {
  ground: Ground;
  /** Writes the services' files for a node of the cluster that lies in /etc/bramble. */
  render: (cluster: string, node: string) => Promise<void>;
  board?: Board;
}

/**
 * Gives a node its configuration before its services start: what lies on the FAT partition, or
 * what it was given before, or else that of a cluster of one. What came of it is in STATUS.txt, and what
 * is wrong on the page, too.
 * Resolves to whether the services have a configuration. Never rejects.
 */
export async function configure({ ground, render, board }: ConfigureOptions): Promise<boolean> {
  const found = board ?? readBoard(ground.root);
  const report: string[] = [];
  const faults: string[] = [];
  const attempt = async (what: string, act: () => Promise<void>): Promise<boolean> => {
    try {
      await act();
      return true;
    } catch (error) {
      const lines = describeError(error).split('\n');
      report.push(`${what}:`, ...lines.map((line) => `  ${line}`));
      faults.push(`${what}: ${lines.join('; ')}`);
      return false;
    }
  };
  await attempt('What lies on the card could not be taken', async () => {
    const taken = await takeAll(ground);
    report.push(...taken.said);
    faults.push(...taken.faults);
  });
  const cluster = within(ground, CLUSTER);
  if (!existsSync(cluster)) {
    await attempt('A configuration could not be made', () =>
      makeClusterOfOne(ground, currentName(ground)),
    );
  }
  const rendered = await attempt('This node has no configuration', async () => {
    const name = settle(ground, loadCluster(cluster), found);
    await render(cluster, name);
    if (isClusterOfOne(ground)) report.push('There was no cluster.yaml: this is a cluster of one.');
    report.push(`This node is ${name}. MQTT: port 1883. Page: http://${name}.local/`);
  });
  await attempt('STATUS.txt', async () => {
    const problems = findProblems(ground);
    const name = currentName(ground);
    const unwritten = await writeStatus(ground, found, name, report, problems);
    // Without the partition it is clear that nothing was written to it.
    faults.push(...problems, ...(lacksFirmware(ground) ? [] : unwritten));
    faults.push(...updateProblems(ground));
  });
  await attempt('The page cannot be told', async () => tellProblems(ground, faults));
  for (const line of report) process.stdout.write(`${line}\n`);
  return rendered;
}

/** Takes what is new on the card. Resolves to what is to be said of it, now or since it was taken. */
async function takeAll(ground: Ground): Promise<Pick<Taken, 'said' | 'faults'>> {
  const results = [await takeCustomisation(ground), await takeCluster(ground)];
  const said = results.flatMap((result) => result.said);
  const faults = results.flatMap((result) => result.faults);
  const file = within(ground, REPORT);
  if (results.some(({ taken }) => taken)) {
    put(file, said.map((line) => `${line}\n`).join(''));
    return { said, faults };
  }
  const before = (readText(file) ?? '').split('\n').filter((line) => line !== '');
  return { said: [...before, ...said], faults };
}

/** The node that this board is, with its name and its address. Throws for a board that is none. */
function settle(ground: Ground, cluster: ClusterConfig, board: Board): string {
  const before = currentName(ground);
  const identity = identify(cluster, board, before);
  if (identity === undefined) throw new Error(strangerText(board, before).join('\n'));
  const { name } = identity.node;
  // A cluster of one has got its name from the machine, so the machine may get another.
  if (!isClusterOfOne(ground)) setHostname(ground, name);
  setAddress(ground, identity);
  return name;
}

function currentName(ground: Ground): string {
  return readText(within(ground, 'etc/hostname'))?.trim() || ground.hostname;
}
