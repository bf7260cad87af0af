import path from 'node:path';
import { loadCluster } from '#core/config/cluster.ts';
import { BrambleError, ERROR_CODES } from '#core/errors.ts';
import { readText, writeText } from '../node/files.ts';
import { renderAlerts } from '../render/alerts.ts';
import { renderScrape, scrapeJob } from '../render/prometheus.ts';
import { print } from './admin-options.ts';
import { clusterFile } from './change-nodes.ts';
import type { Command } from './command.ts';
import { EXIT } from './exit-codes.ts';

/** It has the token. */
const PRIVATE = 0o600;
const PUBLIC = 0o644;

export const prometheusCommand: Command = {
  name: 'prometheus',
  summary: 'What a Prometheus elsewhere needs to ask the nodes',
  positionals: [],
  options: {
    cluster: { type: 'string', value: 'FILE', text: 'the cluster (cluster.yaml)' },
    out: { type: 'string', value: 'DIR', text: 'write files there; else the first to stdout' },
    alerts: { type: 'flag', text: 'without --out: the alerts instead' },
    at: { type: 'string', value: 'DIR', text: 'where the token will lie there (beside the file)' },
    json: { type: 'flag', text: 'of --out: one JSON object, {"files":[{"file":…,"changed":…}]}' },
  },
  details: `The nodes answer when cluster.yaml has a part "monitoring": a token, and if you like the
addresses that may ask (from). DIR then gets bramble-NAME.yml, for scrape_config_files in
prometheus.yml (Prometheus 2.43 or later; before, its scrape_configs go into prometheus.yml),
bramble-NAME.token, which that file names, and bramble-NAME.rules.yml, alerts for rule_files. The
token is never shown. ansible/playbooks/monitoring.yml makes a whole Prometheus of them.`,
  examples: [
    { line: 'bramble prometheus', text: 'what it would be' },
    {
      line: 'bramble prometheus --out /etc/prometheus',
      text: 'as files, on the machine that asks',
    },
  ],
  async run({ values }) {
    const file = clusterFile(values);
    const cluster = loadCluster(file);
    if (cluster.monitoring === undefined) {
      throw new BrambleError(ERROR_CODES.USAGE, `${file} has no part "monitoring"`, {
        hint: 'add: monitoring: { token: …, from: [192.168.1.50] }, then bramble apply',
      });
    }
    const name = scrapeJob(cluster);
    const at = values.at as string | undefined;
    const tokenFile = at === undefined ? `${name}.token` : path.posix.join(at, `${name}.token`);
    const scrape = renderScrape({ cluster, clusterFile: file, tokenFile });
    const out = values.out as string | undefined;
    const alerts = renderAlerts({ cluster, clusterFile: file });
    if (out === undefined) {
      print(values.alerts === true ? alerts : scrape);
      return EXIT.OK;
    }
    const written = [
      write(path.resolve(out, `${name}.token`), cluster.monitoring.token, PRIVATE),
      write(path.resolve(out, `${name}.yml`), scrape, PUBLIC),
      write(path.resolve(out, `${name}.rules.yml`), alerts, PUBLIC),
    ];
    if (values.json === true) print(`${JSON.stringify({ files: written })}\n`);
    else {
      const lines = written.map(
        ({ file, changed }) => `${changed ? 'written ' : 'the same'} ${file}\n`,
      );
      print(lines.join(''));
    }
    return EXIT.OK;
  },
};

/** A file that is as it should be is left alone. Throws STORAGE. */
function write(file: string, text: string, mode: number): { file: string; changed: boolean } {
  const changed = readText(file) !== text;
  if (changed) writeText(file, text, mode);
  return { file, changed };
}
