import { stringify } from 'yaml';
import type { ClusterConfig } from '#core/config/cluster.ts';
import { piPorts } from '#core/contracts/ports.ts';
import { at } from './plan.ts';

export interface ScrapeOptions {
  cluster: ClusterConfig;
  /** As the first line names it. */
  clusterFile: string;
  /** Where Prometheus finds the token, as seen from its configuration. */
  tokenFile: string;
}

/** What all samples of a cluster have as their label `job`. */
export function scrapeJob({ cluster }: ClusterConfig): string {
  return `bramble-${cluster.name}`;
}

/** A file for `scrape_config_files` of Prometheus (2.43 and later), or for its own configuration. */
export function renderScrape({ cluster, clusterFile, tokenFile }: ScrapeOptions): string {
  const { page } = piPorts(1);
  const config = {
    scrape_configs: [
      {
        job_name: scrapeJob(cluster),
        authorization: { type: 'Bearer', credentials_file: tokenFile },
        // One a node: its /metrics are those of all its services.
        static_configs: cluster.nodes.map(({ name, address }) => ({
          targets: [at(address, page)],
          labels: { cluster: cluster.cluster.name, instance: name },
        })),
      },
    ],
  };
  return `# What a Prometheus asks of the nodes of ${JSON.stringify(cluster.cluster.name)}.
# Written by bramble prometheus from ${clusterFile}: write it again when nodes come or go.

${stringify(config)}`;
}
