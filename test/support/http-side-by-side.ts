import { setTimeout as sleep } from 'node:timers/promises';
import type { HttpCase } from './http-cases.ts';
import { answersIn, OK, Origin, type Outcome, requestOf, talk } from './http-peers.ts';
import { freePortRange } from './ports.ts';
import type { ProxyProcess } from './proxy-process.ts';
import { startEither, type Which } from './side-by-side.ts';

/** One proxy in `mode http` with one origin behind it. */
export interface HttpSetup {
  which: Which;
  proxy: ProxyProcess;
  port: number;
  origin: Origin;
  [Symbol.asyncDispose](): Promise<void>;
}

/** Starts a proxy with one HTTP frontend; `frontend`, `backend` and `server` are more lines. */
export async function startHttp(
  which: Which,
  more: { frontend?: string; backend?: string; server?: string; timeouts?: string } = {},
): Promise<HttpSetup> {
  const origin = new Origin();
  await origin.start();
  // Below what the kernel hands out, so that no outgoing connection sits on them meanwhile.
  const port = await freePortRange(2);
  const probe = port + 1;
  const config = `
global
    log stdout format raw local0
defaults
    mode http
    log global
    option httplog
    timeout connect 2s
    timeout client 10s
    timeout server 10s
${more.timeouts ?? ''}
frontend f
    bind 127.0.0.1:${port}
    default_backend b
${more.frontend ?? ''}
backend b
${more.backend ?? ''}
    server s1 127.0.0.1:${origin.port} ${more.server ?? ''}
# The last to listen: who reaches it reaches all.
listen probe
    mode tcp
    no log
    bind 127.0.0.1:${probe}
`;
  try {
    const proxy = await startEither(which, { config, ports: [probe] });
    const stop = async (): Promise<void> => {
      await proxy.stop('SIGKILL');
      await origin.peer.stop();
    };
    return { which, proxy, port, origin, [Symbol.asyncDispose]: stop };
  } catch (error) {
    await origin.peer.stop();
    throw error;
  }
}

/** What is compared of one case: everything that a client, a server or a log reader sees. */
export interface Seen {
  status: number[];
  end: Outcome['end'];
  /** What the origin got, chunks as HAProxy cuts them. */
  origin: string;
  log: string[];
  text: unknown;
}

/** Runs one case against one proxy. */
export async function see(setup: HttpSetup, one: HttpCase): Promise<Seen> {
  const { origin, proxy, port } = setup;
  origin.script = one.script ?? OK;
  origin.received = '';
  const from = proxy.out.length;
  const { text, end } = await talk(port, one.pieces, one.talk);
  const answers = answersIn(text);
  await logged(proxy.out, from, answers.length);
  return {
    status: answers.map(({ status }) => status),
    end,
    origin: origin.received.replace(/transfer-encoding: chunked/gi, (name) => name.toLowerCase()),
    log: proxy.out.slice(from).map(requestOf),
    text: answers.map(({ fields, body }) => [
      fields.filter((each) => each !== 'connection: close'),
      body,
    ]),
  };
}

/** Silence that even a busy machine means, milliseconds. */
const PATIENT = 700;

/** What each proxy does with one case, but for what it `differs` in; asks again before they differ. */
export async function seeAll(
  setups: readonly HttpSetup[],
  one: HttpCase,
): Promise<{ full: Seen; compared: Partial<Seen> }[]> {
  const look = async (quiet: number | undefined) => {
    const talk = quiet === undefined ? one.talk : { ...one.talk, quiet, limit: 2 * quiet };
    const asked = talk ? { ...one, talk } : one;
    const seen = await Promise.all(setups.map((setup) => see(setup, asked)));
    return seen.map((full) => ({ full, compared: without(full, one) }));
  };
  const quick = await look(undefined);
  const [first, ...others] = quick.map(({ compared }) => JSON.stringify(compared));
  return others.every((other) => other === first) ? quick : await look(PATIENT);
}

function without(seen: Seen, { differs = [] }: HttpCase): Partial<Seen> {
  const rest: Partial<Seen> = { ...seen };
  for (const part of differs) delete rest[part];
  return rest;
}

/** Lines come a moment after what they tell of. */
async function logged(lines: readonly string[], from: number, count: number): Promise<void> {
  for (const end = Date.now() + 400; Date.now() < end; await sleep(10)) {
    if (lines.length - from >= Math.max(count, 1)) break;
  }
  await sleep(20);
}
