import { execFileSync } from 'node:child_process';
import { arch } from 'node:os';
import path from 'node:path';
import { BrambleError, ERROR_CODES } from '#core/errors.ts';
import { readText } from '../board/files.ts';
import { FIRMWARE } from '../board/firmware.ts';
import { thisCard, writeUpdate } from '../board/os-update.ts';
import { readManifest, refused } from '../board/update-file.ts';
import type { Command } from './command.ts';
import { EXIT } from './exit-codes.ts';

/** The owner's key counts instead of the one that came with the image. */
const KEYS = ['/etc/bramble/update-key.pub', '/usr/lib/bramble/update-key.pub'];
/** A line of progress for every so much of the whole. */
const STEP = 0.1;

export const osUpdateCommand: Command = {
  name: 'os-update',
  summary: 'On a node: write another system beside the one that runs, and start it next',
  positionals: ['FILE'],
  options: {
    unsigned: { type: 'flag', text: 'take a file that nobody has signed' },
    reboot: { type: 'flag', text: 'start the new system at once' },
    json: { type: 'flag', text: 'one JSON object: {"slot":…,"version":…}' },
  },
  details: `FILE is bramble-VERSION-arm64.update. It has to be signed with the key in
${KEYS.join(' or ')}.
The new system is tried: unless broker, balancer and page answer for a minute within ten, or when it
does not come up three times, the one from before starts again. Power may go at any moment.`,
  examples: [
    { line: 'bramble os-update bramble-1.2.0-arm64.update', text: 'it starts at the next reboot' },
    { line: 'bramble os-update my.update --unsigned --reboot', text: 'one that you have built' },
  ],
  async run({ values, positionals }) {
    const file = path.resolve(positionals[0]!);
    const card = thisCard(FIRMWARE);
    const manifest = await readManifest(file, values.unsigned ? undefined : trustedKey());
    if (manifest.arch !== arch()) {
      throw refused(file, `is for ${manifest.arch}, this machine is ${arch()}`);
    }
    let told = 0;
    const slot = await writeUpdate(file, manifest, card, (done, all) => {
      if (values.json || done / all < told + STEP) return;
      told = done / all;
      process.stdout.write(`written ${Math.round(told * 100)} %\n`);
    });
    const { version } = manifest;
    const text = `${version} is in slot ${slot}${values.reboot ? '' : ': reboot to start it'}`;
    process.stdout.write(`${values.json ? JSON.stringify({ slot, version }) : text}\n`);
    if (values.reboot) execFileSync('systemctl', ['reboot']);
    return EXIT.OK;
  },
};

function trustedKey(): string {
  for (const file of KEYS) {
    const key = readText(file);
    if (key !== undefined) return key;
  }
  throw new BrambleError(
    ERROR_CODES.CONFIG_INVALID,
    'this node trusts no key, so it cannot tell who made the update',
    { hint: `put the public key into ${KEYS[0]}, or use --unsigned` },
  );
}
