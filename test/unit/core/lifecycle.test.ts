import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { afterEach, expect, test } from 'vitest';

const children: ChildProcess[] = [];
afterEach(() => {
  for (const child of children.splice(0)) child.kill('SIGKILL');
});

/** A process of ours whose `start` and `close` are the given bodies. */
async function run(start: string, close: string, drainTimeout = 5000) {
  const script = `
    import { runService } from '#core/lifecycle.ts';
    import { createLog } from '#core/log.ts';
    import { BrambleError } from '#core/errors.ts';
    const timer = setInterval(() => {}, 1000);
    const service = {
      async start(signal) { ${start} },
      async close() { ${close}; console.log('closed'); },
    };
    await runService(service, { name: 'probe', log: createLog({ service: 'probe' }), drainTimeout: ${drainTimeout} });
  `;
  const args = ['--input-type=module-typescript', '-e', script];
  const child = spawn(`${process.cwd()}/bin/node`, args, {
    stdio: ['ignore', 'pipe', 'inherit', 'ipc'],
  });
  children.push(child);
  let output = '';
  child.stdout?.on('data', (chunk: Buffer) => {
    output += chunk;
  });
  const ready = once(child, 'message');
  // Not 'close': it never comes after an explicit disconnect().
  const exited = Promise.all([once(child, 'exit'), once(child.stdout!, 'end')]).then(
    ([[code, signal]]) => ({ code, signal, output }),
  );
  return { child, ready, exited };
}

test('reports ready over IPC, drains on SIGTERM and ends with 0', async () => {
  const { child, ready, exited } = await run('', '');
  expect((await ready)[0]).toEqual({ event: 'ready', name: 'probe' });
  child.kill('SIGTERM');
  const { code, output } = await exited;
  expect(code).toBe(0);
  expect(output).toContain('closed');
});

test('stops when its supervisor vanishes', async () => {
  const { child, ready, exited } = await run('', '');
  await ready;
  child.disconnect();
  expect(await exited).toMatchObject({ code: 0 });
});

test('a start that fails ends with 1 and says what to do', async () => {
  const { exited } = await run(
    "throw new BrambleError('BRAMBLE_PORT_IN_USE', 'port 1883 is in use', { hint: 'move it' })",
    '',
  );
  const { code, output } = await exited;
  expect(code).toBe(1);
  expect(output).toContain('probe cannot start: port 1883 is in use');
  expect(output).toContain('move it');
});

test('a drain that hangs is ended', async () => {
  const { child, ready, exited } = await run('', 'await new Promise(() => {})', 200);
  await ready;
  child.kill('SIGTERM');
  expect(await exited).toMatchObject({ code: 1 });
});

test('a signal during start aborts it and still closes', async () => {
  const { child, exited } = await run(
    "process.send('starting'); await new Promise((_, no) => signal.addEventListener('abort', () => no(signal.reason)))",
    '',
  );
  await once(child, 'message');
  child.kill('SIGTERM');
  const { code, output } = await exited;
  expect(code).toBe(0);
  expect(output).toContain('closed');
});
