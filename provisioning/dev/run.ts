import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { BrambleError, describeError } from '#core/errors.ts';
import { EXIT } from '../cli/exit-codes.ts';
import { bridgeNodes } from '../render/bridge.ts';
import { DataDir } from './data-dir.ts';
import { DevCluster } from './dev-cluster.ts';
import { HumanOutput } from './human-output.ts';
import { JsonOutput } from './json-output.ts';
import { prepareKafka } from './kafka.ts';
import { stopLeftovers } from './leftovers.ts';
import { takeLock } from './lock.ts';
import { durabilityNote, findNats } from './nats-program.ts';
import type { DevOptions } from './options.ts';
import type { Output } from './output.ts';
import { checkPorts, wantedPorts } from './ports.ts';
import { preparePlan, writeRendered } from './prepare.ts';
import { processSpecs } from './specs.ts';
import { terminalStyle } from './style.ts';
import { summarize } from './summary.ts';

const CHECKOUT = fileURLToPath(new URL('../..', import.meta.url));

/** `bramble dev`, from options to exit code. Throws BrambleError when it cannot start. */
export async function runDev(options: DevOptions): Promise<number> {
  const output = createOutput(options.json);
  const nats = await findNats();
  const data = new DataDir(options.data);
  data.prepare();
  const unlock = takeLock(data.lockFile);
  try {
    const leftovers = await stopLeftovers(path.dirname(data.rendered('x')));
    if (leftovers.length > 0)
      output.note(`stopped what an earlier run left: pid ${leftovers.join(', ')}`);
    const { plan, note } = preparePlan(options, data, nats);
    const durability = durabilityNote(nats, plan.cluster.mqtt.durability);
    for (const text of [note, durability]) if (text !== undefined) output.note(text);
    const { mqtt } = plan.cluster;
    const statsPage = plan.cluster.balancer.stats !== undefined;
    await checkPorts(
      wantedPorts(
        plan.ports,
        statsPage,
        mqtt.tls !== undefined,
        mqtt.workers,
        bridgeNodes(plan).map(({ number }) => number),
        plan.kafka !== undefined,
      ),
      plan.host,
      plan.nodes.length,
    );
    writeRendered(plan, data);
    const kafka = plan.kafka === undefined ? undefined : await prepareKafka(data, output);
    const extra = extraBalancerFile(
      plan.cluster.balancer.extra,
      options.config ?? data.clusterFile,
    );
    const specs = processSpecs(plan, data, nats.command, extra, kafka);
    return await supervise(new DevCluster(plan, specs, output), output, (took) =>
      summarize(plan, took),
    );
  } finally {
    unlock();
  }
}

/** A path in cluster.yaml is relative to that file. */
function extraBalancerFile(extra: string | undefined, clusterFile: string): string | undefined {
  return extra === undefined ? undefined : path.resolve(path.dirname(clusterFile), extra);
}

async function supervise(
  cluster: DevCluster,
  output: Output,
  summary: (took: number) => ReturnType<typeof summarize>,
): Promise<number> {
  const stop = new AbortController();
  let signals = 0;
  let killing: Promise<void> | undefined;
  const onSignal = (name: NodeJS.Signals) => {
    signals++;
    if (signals === 1) {
      output.stopping(name === 'SIGINT' ? 'Ctrl-C' : name);
      stop.abort(new Error(name));
    } else if (name === 'SIGINT') {
      killing ??= cluster.kill();
    }
  };
  const names = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
  for (const name of names) process.on(name, onSignal);
  // Whoever read our lines is gone: nobody is left to stop us.
  process.stdout.on('error', () => onSignal('SIGHUP'));
  try {
    await cluster.start(stop.signal);
    output.ready(summary(Math.round(performance.now())));
    await aborted(stop.signal);
  } catch (error) {
    if (!stop.signal.aborted) {
      await cluster.stop();
      throw error;
    }
  }
  try {
    await cluster.stop();
    await killing;
    output.stopped();
    return killing === undefined ? EXIT.OK : EXIT.INTERRUPTED;
  } finally {
    for (const name of names) process.off(name, onSignal);
  }
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}

function createOutput(json: boolean): Output {
  const write = (text: string) => void process.stdout.write(text);
  if (json) return new JsonOutput(write);
  const inCheckout = path.resolve(process.cwd()) === path.resolve(CHECKOUT);
  const mqtt = inCheckout ? 'npx mqtt' : path.join(CHECKOUT, 'node_modules/.bin/mqtt');
  return new HumanOutput(write, terminalStyle(process.stdout.isTTY === true), mqtt);
}

/** Errors of `--json` runs are events too, so that a script needs to read one stream only. */
export function errorEvent(error: unknown): string {
  const { code, hint } =
    error instanceof BrambleError ? error : { code: undefined, hint: undefined };
  return `${JSON.stringify({ event: 'error', at: Date.now(), code, message: describeError(error), hint })}\n`;
}
