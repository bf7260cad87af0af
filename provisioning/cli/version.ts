import { readFileSync } from 'node:fs';
import type { Command } from './command.ts';
import { EXIT } from './exit-codes.ts';

/** Of the checkout or release that this file is in. */
export function ownVersion(): string {
  const file = new URL('../../package.json', import.meta.url);
  return (JSON.parse(readFileSync(file, 'utf8')) as { version: string }).version;
}

export const versionCommand: Command = {
  name: 'version',
  summary: 'Print the versions of Bramble and of the Node that runs it',
  positionals: [],
  options: { json: { type: 'flag', text: 'one JSON object' } },
  examples: [
    { line: 'bramble version', text: 'for people' },
    { line: 'bramble version --json', text: 'for scripts' },
  ],
  async run({ values }) {
    const versions = { bramble: ownVersion(), node: process.versions.node };
    const text = `bramble ${versions.bramble} (Node ${versions.node})`;
    process.stdout.write(`${values.json ? JSON.stringify(versions) : text}\n`);
    return EXIT.OK;
  },
};
