import { execFileSync } from 'node:child_process';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { ARCHITECTURES, type Architecture } from './node-binary.ts';
import { buildRelease } from './release.ts';

const USAGE = `usage: node image/release/main.ts [--arch arm64|x64] [--out DIRECTORY] [--json]`;
const EXIT_USAGE = 64;
const CHECKOUT = fileURLToPath(new URL('../..', import.meta.url));

function readArguments() {
  const { values } = parseArgs({
    options: {
      arch: { type: 'string', default: 'arm64' },
      out: { type: 'string', default: path.join(CHECKOUT, 'image', 'out', 'release') },
      json: { type: 'boolean', default: false },
    },
  });
  const arch = ARCHITECTURES.find((one) => one === values.arch);
  if (arch === undefined) throw new Error(`--arch ${values.arch}: arm64 or x64`);
  return { arch, out: path.resolve(values.out), json: values.json };
}

/** The commit's time, so that two builds of one commit are the same. */
function sourceDate(): number {
  const given = process.env.SOURCE_DATE_EPOCH;
  if (given !== undefined && /^\d+$/.test(given)) return Number(given);
  const told = execFileSync('git', ['log', '-1', '--format=%ct'], { cwd: CHECKOUT });
  return Number(told.toString().trim());
}

let options: { arch: Architecture; out: string; json: boolean };
try {
  options = readArguments();
} catch (error) {
  console.error(`${error instanceof Error ? error.message : error}\n${USAGE}`);
  process.exit(EXIT_USAGE);
}
const { arch, out, json } = options;
const say = (event: object, text: string): void => {
  console.log(json ? JSON.stringify(event) : text);
};
const release = await buildRelease({
  checkout: CHECKOUT,
  out,
  arch,
  date: sourceDate(),
  progress: (step, took) => {
    const ms = Math.round(took);
    say({ event: 'step', step, took: ms }, `${step.padEnd(16)} ${(ms / 1000).toFixed(1)} s`);
  },
});
say({ event: 'release', path: release, arch }, release);
