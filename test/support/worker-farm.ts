import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { freePortRange } from './ports.ts';
import { startEither, type Which } from './side-by-side.ts';
import { ask, startWebs, type Web } from './webs.ts';

export interface Farm {
  readonly port: number;
  readonly statsPort: number;
  readonly socket: string;
  readonly file: string;
  readonly webs: readonly Web[];
  /** Most requests that each web server has had at a time. */
  readonly most: number[];
  readonly pid: number;
}

const HEAD = (socket: string): string => `
global
    nbthread 2
    stats socket ${socket} level admin
defaults
    mode http
    timeout connect 2s
    timeout client 20s
    timeout server 20s
    timeout queue 20s
`;

/** Runs a proxy with two workers in front of two web servers, whose ports are A and B. */
export async function withFarm<T>(
  which: Which,
  body: string,
  use: (farm: Farm) => Promise<T>,
): Promise<T> {
  const directory = await mkdtemp(path.join(tmpdir(), 'bramble-workers-'));
  const webs = await startWebs('ab');
  const port = await freePortRange(3);
  const [statsPort, probe] = [port + 1, port + 2];
  const socket = path.join(directory, 'runtime.sock');
  const file = path.join(directory, 'proxy.cfg');
  const most = webs.map(() => 0);
  for (const [index, web] of webs.entries()) {
    let now = 0;
    web.respond = (request, response) => {
      now += 1;
      most[index] = Math.max(most[index]!, now);
      const answer = (): void => {
        now -= 1;
        response.end(web.name);
      };
      if (request.url?.includes('slow')) setTimeout(answer, 30);
      else answer();
    };
  }
  const text = body
    .replaceAll('PORT', String(port))
    .replaceAll('DIR', directory)
    .replace(/\b([AB])\b/g, (_, name: string) => `127.0.0.1:${webs[name === 'A' ? 0 : 1]!.port}`);
  await writeFile(path.join(directory, 'names.map'), 'one first\n');
  await writeFile(
    file,
    `${HEAD(socket)}\n${text}
listen stats
    bind 127.0.0.1:${statsPort}
    stats enable
    stats uri /
    stats admin if TRUE
listen probe
    mode tcp
    bind 127.0.0.1:${probe}
`,
  );
  try {
    await using proxy = await startEither(which, { file, ports: [probe] });
    // It answers once all workers serve.
    await ask(statsPort);
    return await use({ port, statsPort, socket, file, webs, most, pid: proxy.pid });
  } finally {
    for (const web of webs) await web.stop();
    await rm(directory, { recursive: true, force: true });
  }
}

/** So many requests, each on a connection of its own, `width` at a time; the answers' texts. */
export async function flood(
  port: number,
  count: number,
  width: number,
  url: (index: number) => string,
) {
  const answers: string[] = [];
  let next = 0;
  const one = async (): Promise<void> => {
    while (next < count) {
      const { status, body } = await ask(port, { path: url(next++) });
      answers.push(status === 200 ? body : String(status));
    }
  };
  await Promise.all(Array.from({ length: width }, one));
  return answers;
}

export const count = (answers: readonly string[], wanted: string): number =>
  answers.filter((answer) => answer === wanted).length;
