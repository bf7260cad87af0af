import { execFileSync } from 'node:child_process';
import { mkdir, rm } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { buildImage, buildVirtual } from './build.ts';
import { DebianError } from './debian.ts';
import { Steps } from './steps.ts';

const USAGE = `usage: node image/build/main.ts pi|virtual [--kafka] [--refresh-pins] [--release [--url URL]] [--key FILE] [--out DIRECTORY]`;
/** sysexits(3). */
const EXIT_USAGE = 64;
const EXIT_UNAVAILABLE = 69;
const CHECKOUT = fileURLToPath(new URL('../..', import.meta.url));

function readArguments() {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      'refresh-pins': { type: 'boolean', default: false },
      kafka: { type: 'boolean', default: false },
      release: { type: 'boolean', default: false },
      url: { type: 'string', default: 'http://localhost/' },
      key: { type: 'string' },
      out: { type: 'string', default: path.join(CHECKOUT, 'image', 'out') },
    },
  });
  const [kind, ...more] = positionals;
  if ((kind !== 'pi' && kind !== 'virtual') || more.length > 0) throw new Error('pi or virtual');
  const { key, url } = values;
  if (!URL.canParse(url)) throw new Error(`--url ${url}: not the address of a directory`);
  return {
    kind,
    refresh: values['refresh-pins'],
    kafka: values.kafka,
    release: values.release ? { url } : undefined,
    key: key === undefined ? undefined : path.resolve(key),
    out: path.resolve(values.out),
  };
}

/** The commit's time, so that two builds of one commit are the same. */
function sourceDate(): number {
  const given = process.env.SOURCE_DATE_EPOCH;
  if (given !== undefined && /^\d+$/.test(given)) return Number(given);
  const told = execFileSync('git', ['log', '-1', '--format=%ct'], { cwd: CHECKOUT });
  return Number(told.toString().trim());
}

let options: ReturnType<typeof readArguments>;
try {
  options = readArguments();
} catch (error) {
  console.error(`${error instanceof Error ? error.message : error}\n${USAGE}`);
  process.exit(EXIT_USAGE);
}
const { kind, refresh, kafka, release, key, out } = options;
await mkdir(out, { recursive: true });
const log = path.join(out, `build-${kind}${kafka ? '-kafka' : ''}.log`);
await rm(log, { force: true });
const steps = new Steps((text) => console.log(text));
const shared = { checkout: CHECKOUT, out, log, date: sourceDate(), refresh, kafka, steps };
try {
  if (kind === 'pi') await buildImage({ ...shared, release, key });
  else await buildVirtual(shared);
  steps.total();
} catch (error) {
  console.error(`bramble: ${error instanceof Error ? error.message : error}`);
  process.exitCode = error instanceof DebianError ? EXIT_UNAVAILABLE : 1;
}
