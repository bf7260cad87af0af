import type { LabNode } from './provision-lab.ts';

interface Jetstream {
  account_details?: {
    stream_detail?: {
      name: string;
      cluster?: { leader?: string; replicas?: { name: string; current: boolean }[] };
    }[];
  }[];
}

const JSZ = 'http://127.0.0.1:8222/jsz?accounts=1&streams=1';

/** Who has a whole copy of each stream, as its leader says: names, sorted, with blanks between. */
export async function copiesOf(nodes: readonly LabNode[]): Promise<Map<string, string>> {
  const found = new Map<string, string>();
  for (const { name: node, pi } of nodes) {
    const text = await pi.run('curl', ['-sS', JSZ], 'net').catch(() => '{}');
    const { account_details = [] } = JSON.parse(text) as Jetstream;
    for (const { name, cluster } of account_details.flatMap((one) => one.stream_detail ?? [])) {
      if (cluster?.leader !== node) continue;
      const others = (cluster.replicas ?? []).filter(({ current }) => current);
      found.set(name, [node, ...others.map((one) => one.name)].sort().join(' '));
    }
  }
  return found;
}
