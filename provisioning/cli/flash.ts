import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { basename } from 'node:path';
import { createInterface } from 'node:readline/promises';
import { parseCluster } from '#core/config/cluster.ts';
import { BrambleError, describeError, ERROR_CODES } from '#core/errors.ts';
import { bytes, table } from '../admin/table.ts';
import { type CardDevice, listDevices } from '../flash/devices.ts';
import { fatOffset, type Seed, seedCard } from '../flash/personalise.ts';
import { type FlashStep, writeImage } from '../flash/write-image.ts';
import { print, printJson, usage } from './admin-options.ts';
import type { Command, Values } from './command.ts';
import { EXIT } from './exit-codes.ts';

const STEPS = { write: 'writing', verify: 'reading back' } as const;
/** Between two lines where nobody looks, bytes. */
const LINE_EVERY = 256 << 20;

export const flashCommand: Command = {
  name: 'flash',
  summary: 'Write an image to a card for one node; without IMAGE: list the cards',
  positionals: ['[IMAGE]'],
  options: {
    to: { type: 'string', value: 'DEVICE', text: 'the card, e.g. /dev/sdb; or a file, for a try' },
    node: { type: 'string', value: 'NAME', text: 'which node of cluster.yaml it is for' },
    cluster: { type: 'string', value: 'FILE', text: 'what the card takes along (cluster.yaml)' },
    'ssh-key': { type: 'string', value: 'FILE', text: 'public key for the owner, "admin"' },
    erase: {
      type: 'string',
      value: 'NAME',
      text: "the device's name once more, instead of typing it",
    },
    json: { type: 'flag', text: 'JSON on stdout; asks nothing' },
  },
  details: `Only removable devices are written, none that is mounted, none smaller than 4 GB or larger than
512 GB; and only after its name was typed once more. Everything is read back and compared. The first
block is written last, so that a card whose writing was broken off is no card that boots. IMAGE may
be packed with xz.

cluster.yaml and the node's name lie on the card's FAT partition until its first start, which takes
them and overwrites them there.`,
  examples: [
    { line: 'bramble flash', text: 'which cards are there' },
    {
      line: 'bramble flash bramble-0.1.0-arm64.img --to /dev/sdb --node pi1',
      text: 'the card of pi1, with the cluster.yaml of this folder',
    },
  ],
  async run({ values, positionals }) {
    const [image] = positionals;
    if (image === undefined) return list(values.json === true);
    const target = values.to as string | undefined;
    if (target === undefined)
      usage('bramble flash: to which card?', 'name it: --to /dev/sdb; bramble flash lists them');
    const seed = seedOf(values);
    const size = checkImage(image);
    await agree(target, size, values);
    const { progress, end } = reporter(size, values.json === true);
    const stop = new AbortController();
    const onSignal = (): void =>
      stop.abort(new BrambleError(ERROR_CODES.CLOSED, `broken off: ${target} does not boot`));
    process.once('SIGINT', onSignal);
    process.once('SIGTERM', onSignal);
    try {
      const written = await writeImage({
        image,
        target,
        progress,
        signal: stop.signal,
        ...(seed === undefined
          ? {}
          : { personalise: (first: Buffer) => seedCard(target, fatOffset(first), seed) }),
      });
      end();
      if (values.json)
        print(`${JSON.stringify({ event: 'done', target, node: seed?.node, ...written })}\n`);
      else
        print(
          `${target} is ready${seed === undefined ? '' : ` for ${seed.node}`}: ${bytes(written.bytes)}, SHA-256 ${written.hash}\n`,
        );
      return EXIT.OK;
    } finally {
      process.removeListener('SIGINT', onSignal);
      process.removeListener('SIGTERM', onSignal);
    }
  },
};

function list(json: boolean): number {
  const devices = listDevices();
  if (json) {
    printJson(devices);
    return EXIT.OK;
  }
  print(
    table<CardDevice>(
      [
        { head: 'DEVICE', value: (row) => row.path },
        { head: 'SIZE', right: true, value: (row) => bytes(row.size) },
        { head: 'MODEL', value: (row) => row.model },
        {
          head: 'MAY BE WRITTEN',
          value: (row) => (row.refused === undefined ? 'yes' : `no: ${row.refused}`),
        },
      ],
      devices,
    ),
  );
  return EXIT.OK;
}

/** What goes on the card; nothing without --node. Throws USAGE, ConfigError. */
function seedOf(values: Values): Seed | undefined {
  const node = values.node as string | undefined;
  if (node === undefined) {
    if (values.cluster !== undefined) usage('which node is the card for?', 'name it: --node pi1');
    return undefined;
  }
  const file = (values.cluster as string | undefined) ?? 'cluster.yaml';
  const text = readText(file);
  const names = parseCluster(text, file).nodes.map(({ name }) => name);
  if (!names.includes(node))
    usage(`${file} names no node "${node}"`, `its nodes are: ${names.join(', ')}`);
  const key = values['ssh-key'] as string | undefined;
  return { node, cluster: text, sshKey: key === undefined ? undefined : readKey(key) };
}

function readText(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (cause) {
    usage(
      `${file} cannot be read: ${describeError(cause)}`,
      'name another one with --cluster FILE',
    );
  }
}

function readKey(file: string): string {
  const text = readText(file).trim();
  if (/^(ssh-|ecdsa-|sk-)\S+ \S+( .*)?$/.test(text) && !text.includes('\n')) return text;
  usage(`${file} is no public key`, 'it is the file that ends in .pub');
}

/** Size of the image, bytes; of a packed one as it lies there. Throws USAGE. */
function checkImage(image: string): number {
  const stat = statSync(image, { throwIfNoEntry: false });
  if (stat?.isFile() !== true) usage(`${image} is no file`, 'make image builds one');
  return stat.size;
}

/** Throws USAGE unless its owner has said that this target may be erased. */
async function agree(target: string, size: number, values: Values): Promise<void> {
  const stat = statSync(target, { throwIfNoEntry: false });
  if (stat === undefined && !target.startsWith('/dev/')) {
    writeFileSync(target, '', { mode: 0o600, flag: 'wx' });
    return;
  }
  const name = basename(target);
  if (stat?.isFile() !== true) {
    const device = listDevices().find(({ path }) => path === target);
    if (device === undefined) usage(`${target} is no disk`, 'bramble flash lists them');
    if (device.refused !== undefined)
      usage(`${target} is not written: ${device.refused}`, 'bramble flash lists what may be');
    if (size > device.size)
      usage(
        `${target} holds ${bytes(device.size)}, the image has ${bytes(size)}`,
        'take a larger card',
      );
  }
  if (values.erase === name) return;
  if (values.erase !== undefined)
    usage(`--erase ${values.erase}, but --to ${target}`, `write --erase ${name}`);
  if (values.json === true || process.stdin.isTTY !== true) {
    usage(`everything on ${target} would be lost`, `if that is meant, add: --erase ${name}`);
  }
  const lines = createInterface({ input: process.stdin, output: process.stderr });
  try {
    const typed = await lines.question(
      `Everything on ${target} will be lost. Type ${name} to go on: `,
    );
    if (typed.trim() !== name) usage('that was another name: nothing was written', 'start again');
  } finally {
    lines.close();
  }
}

/** A bar on a terminal, a line now and then elsewhere. `size` is 0 where it is not known. */
function reporter(size: number, json: boolean) {
  const isTerminal = process.stderr.isTTY === true && !json;
  let shown = 0;
  let last = '';
  const progress = (step: FlashStep, done: number): void => {
    if (step !== last) shown = 0;
    last = step;
    if (isTerminal) {
      const share = size > 0 ? Math.min(1, done / size) : 0;
      const bar = '█'.repeat(Math.round(share * 30)).padEnd(30, '░');
      process.stderr.write(`\r\u001b[K${STEPS[step].padEnd(12)} ${bar} ${bytes(done)}`);
    } else if (done - shown >= LINE_EVERY) {
      shown = done;
      if (json) print(`${JSON.stringify({ event: step, done })}\n`);
      else process.stderr.write(`${STEPS[step]}: ${bytes(done)}\n`);
    }
  };
  return { progress, end: () => process.stderr.write(isTerminal ? '\r\u001b[K' : '') };
}
