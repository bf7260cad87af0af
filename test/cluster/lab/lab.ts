import { setTimeout as wait } from 'node:timers/promises';
import { STANDARD_PORTS } from '#core/contracts/ports.ts';
import { eventually } from '../../support/broker.ts';
import { type Cluster, cluster } from './cluster.ts';
import { type ConfigOptions, clusterYaml } from './config.ts';
import { Owners } from './owners.ts';
import { Prober } from './prober.ts';
import type { VirtualPi } from './virtual-pi.ts';

/** Whether this machine can run virtual Pis: root, and what they are made of. */
export const LONG = process.env.BRAMBLE_CLUSTER === 'long';

const PATIENCE = 60_000;

/** A cluster with its first virtual address watched, and a client that connects all the time. */
export interface Lab extends Cluster {
  readonly vip: string;
  readonly owners: Owners;
  readonly prober: Prober;
  /** The node that has the virtual address. */
  owner(): VirtualPi;
  /** Resolves when every node may have the address, so that all are there to take over. */
  allFit(): Promise<void>;
}

/** Boots it; resolves when clients are served through the virtual address. */
export async function lab(count: number, options: ConfigOptions = {}): Promise<Lab> {
  const booted = await cluster(count, { config: clusterYaml(options) });
  let owners: Owners | undefined;
  let prober: Prober | undefined;
  const dispose = async (): Promise<void> => {
    await prober?.[Symbol.asyncDispose]();
    await owners?.[Symbol.asyncDispose]();
    await booted[Symbol.asyncDispose]();
  };
  try {
    const vip = booted.network.virtualAddress(0);
    const watched = await Owners.watch(booted, vip);
    owners = watched;
    await watched.settled();
    prober = new Prober(vip, STANDARD_PORTS.mqtt, options.probe);
    await prober.calm();
    return {
      ...booted,
      vip,
      owners: watched,
      prober,
      owner: () => booted.pis.find(({ name }) => name === watched.now[0])!,
      allFit: () => allFit(booted.pis),
      [Symbol.asyncDispose]: dispose,
    };
  } catch (error) {
    console.error(`${error}\nhad it: ${JSON.stringify(owners?.tenures(0))}`);
    await report(booted.pis);
    await dispose();
    throw error;
  }
}

/** Says in the log of the tests what the nodes say about themselves. */
export async function report(pis: readonly VirtualPi[]): Promise<void> {
  for (const pi of pis) {
    const units = ['-u', 'bramble-vip', '-u', 'bramble-keepalived', '-u', 'bramble-configure'];
    const lines = ['-q', '--no-pager', '-o', 'short-precise', '-n', '40', ...units];
    console.error(await pi.exec('journalctl', ...lines).catch(String));
  }
}

async function allFit(pis: readonly VirtualPi[]): Promise<void> {
  const willing = async (pi: VirtualPi): Promise<boolean> =>
    (await pi.exec('cat', '/run/bramble-vip/fault-others').catch(() => '')).trim() === '0';
  for (const pi of pis) await eventually(`${pi.name} may have it`, () => willing(pi), PATIENCE);
  // keepalived, too, hears that: and a backup listens for a while before it may take over.
  await wait(500);
}
