import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { ProcessSpec } from '../../../../provisioning/supervise/process-spec.ts';
import { readyByHttp, readyByMessage } from '../../../../provisioning/supervise/readiness.ts';
import {
  type ProcessExit,
  SupervisedProcess,
} from '../../../../provisioning/supervise/supervised-process.ts';
import { Supervisor } from '../../../../provisioning/supervise/supervisor.ts';
import { until } from '../../../support/dev.ts';

let dir: string;
let started: SupervisedProcess[] = [];
beforeEach(() => {
  dir = mkdtempSync(path.join(tmpdir(), 'bramble-supervise-'));
});
afterEach(async () => {
  for (const process of started) process.kill();
  await Promise.all(started.map((process) => process.stop(1000)));
  started = [];
  rmSync(dir, { recursive: true });
});

/** A Node process that runs `script`. */
function spec(script: string, more: Partial<ProcessSpec> = {}): ProcessSpec {
  return {
    name: 'it',
    command: process.execPath,
    args: ['-e', script],
    ipc: true,
    ready: readyByMessage,
    after: [],
    stopSignal: 'SIGTERM',
    log: path.join(dir, `${more.name ?? 'it'}.log`),
    ...more,
  };
}

function run(script: string, more: Partial<ProcessSpec> = {}): SupervisedProcess {
  const process = new SupervisedProcess(spec(script, more));
  started.push(process);
  return process;
}

const READY = `process.send({ event: 'ready' }); setInterval(() => {}, 1000);`;
const exitOf = async (process: SupervisedProcess) =>
  (await once(process, 'exited'))[0] as ProcessExit;

describe('a process', () => {
  test('is ready when it says so, and stops when asked', async () => {
    const it = run(READY);
    it.start();
    expect(it.state).toBe('starting');
    const [pid] = await once(it, 'ready');
    expect([it.state, it.pid]).toEqual(['ready', pid]);
    const [exit] = await Promise.all([exitOf(it), it.stop(5000)]);
    expect(exit).toMatchObject({ signal: 'SIGTERM', expected: true, restartIn: undefined });
    expect(it.state).toBe('stopped');
    await it.stop(5000);
  });

  test('is asked over HTTP where it has no channel', async () => {
    let answers = 0;
    const server = createServer((_request, response) => {
      response.writeHead(++answers < 3 ? 503 : 200).end();
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
    const it = run('setInterval(() => {}, 1000)', { ipc: false, ready: readyByHttp(url) });
    it.start();
    await once(it, 'ready');
    expect(answers).toBe(3);
    server.closeAllConnections();
    server.close();
  });

  test('is started again, later each time, and tells why it ended', async () => {
    const it = run(`console.error('TypeError: no such thing'); process.exit(3)`);
    it.start();
    const exits = [await exitOf(it), await exitOf(it), await exitOf(it)];
    expect(exits.map(({ restartIn }) => restartIn)).toEqual([200, 400, 800]);
    expect(exits[0]?.reason).toBe('exit code 3: TypeError: no such thing');
    expect(it.restarts).toBe(2);
    expect(it.lastExit?.reason).toBe(exits[2]?.reason);
  });

  test('that ends without a known complaint is quoted all the same', async () => {
    const it = run(`console.log('out'); console.error('it is Tuesday'); process.exit(78)`);
    it.start();
    expect((await exitOf(it)).reason).toBe('exit code 78: it is Tuesday');
  });

  test('that is killed says so, without what it once complained about', async () => {
    const it = run(`console.error('{"level":"error","msg":"old trouble"}'); ${READY}`);
    it.start();
    await once(it, 'ready');
    process.kill(it.pid!, 'SIGKILL');
    expect((await exitOf(it)).reason).toBe('killed by SIGKILL');
    await once(it, 'ready');
    expect(it.restarts).toBe(1);
  });

  test('that ignores the request is killed in the end', async () => {
    const it = run(`process.on('SIGTERM', () => {}); ${READY}`);
    it.start();
    await once(it, 'ready');
    const [exit] = await Promise.all([exitOf(it), it.stop(200)]);
    expect(exit).toMatchObject({ signal: 'SIGKILL', expected: true });
  });

  test('that cannot be started is told', async () => {
    const it = run('', { command: path.join(dir, 'nothing') });
    it.start();
    const exit = await exitOf(it);
    expect(exit.reason).toMatch(/cannot be started: .*ENOENT/);
    expect(exit.pid).toBeUndefined();
    expect(exit.restartIn).toBe(200);
  });

  test('that the system refuses to start at all is told likewise', async () => {
    const it = run('', { args: ['a\0b'] });
    it.start();
    expect((await exitOf(it)).reason).toMatch(/^cannot be started: /);
    expect(it.state).toBe('backoff');
  });

  test('waiting for its restart, it can be stopped', async () => {
    const it = run('process.exit(1)');
    it.start();
    await exitOf(it);
    expect(it.state).toBe('backoff');
    await it.stop(1000);
    expect(it.state).toBe('stopped');
  });

  test('has its own process group, so that a Ctrl-C at the terminal is ours alone', async () => {
    const it = run(READY);
    it.start();
    await once(it, 'ready');
    const fields = readFileSync(`/proc/${it.pid}/stat`, 'utf8').split(') ')[1]!.split(' ');
    expect(Number(fields[2])).toBe(it.pid);
  });

  test('all that it says is in its log, complaints are told', async () => {
    const it = run(
      `console.log('{"level":"info","msg":"quiet"}'); console.log('{"level":"warn","msg":"loud"}'); ${READY}`,
    );
    const complaints: string[] = [];
    it.on('complaint', ({ text }) => complaints.push(text));
    it.start();
    await until(() => complaints.length > 0, 'the complaint');
    expect(complaints).toEqual(['loud']);
    expect(readFileSync(path.join(dir, 'it.log'), 'utf8')).toMatch(
      /starting .*\n.*quiet.*\n.*loud/,
    );
  });
});

describe('a supervisor', () => {
  const supervise = (specs: ProcessSpec[]) => {
    const supervisor = new Supervisor(specs);
    started.push(...supervisor.processes);
    return supervisor;
  };

  test('starts what others need first', async () => {
    const order: string[] = [];
    const supervisor = supervise([
      spec(READY, { name: 'last', after: ['middle'] }),
      spec(READY, { name: 'middle', after: ['first'] }),
      spec(READY, { name: 'first' }),
    ]);
    for (const process of supervisor.processes) {
      process.on('started', () => order.push(`${process.spec.name} started`));
      process.on('ready', () => order.push(`${process.spec.name} ready`));
    }
    await supervisor.start(new AbortController().signal);
    expect(order).toEqual(
      ['first', 'middle', 'last'].flatMap((n) => [`${n} started`, `${n} ready`]),
    );
    await supervisor.stop((name) => name !== 'first');
    expect(supervisor.processes.map(({ state }) => state)).toEqual(['stopped', 'stopped', 'ready']);
  });

  test('gives up on one that never gets ready, with its reason and its log', async () => {
    const supervisor = supervise([
      spec(READY, { name: 'good' }),
      spec(`console.error('Error: broken'); process.exit(1)`, { name: 'bad' }),
      spec(READY, { name: 'waiting', after: ['bad'] }),
    ]);
    const failure = supervisor.start(new AbortController().signal);
    await expect(failure).rejects.toMatchObject({
      code: 'BRAMBLE_PROCESS_EXITED',
      message: 'bad does not start: exit code 1: Error: broken',
      hint: expect.stringContaining('bad.log'),
    });
    expect(supervisor.processes[2]?.state).toBe('stopped');
  });

  test('can be interrupted while it starts', async () => {
    const supervisor = supervise([spec('setInterval(() => {}, 1000)', { name: 'slow' })]);
    const abort = new AbortController();
    const failure = supervisor.start(abort.signal);
    abort.abort(new Error('enough'));
    await expect(failure).rejects.toThrow('enough');
  });
});
