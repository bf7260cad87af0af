import { execFile, spawn } from 'node:child_process';
import { chmod, mkdir, mkdtemp, readFile, readlink, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { eventually } from '../support/broker.ts';
import { ENTER, initScript } from '../support/pi-init.ts';

const run = promisify(execFile);

const INIT = initScript();

/** Upper bound of a boot on a busy machine, milliseconds. */
const BOOT = 180_000;

export interface VirtualPi {
  /** Its root file system, as this machine sees it. */
  root: string;
  /** Runs a program in the virtual Pi, or with `net` one of this machine in its network. */
  run(program: string, args: readonly string[], how?: 'inside' | 'net'): Promise<string>;
  [Symbol.asyncDispose](): Promise<void>;
}

/**
 * Boots a system's tar file with real systemd in namespaces of its own. Needs root. `prepare` may
 * change its files before, `plug` give it a network as soon as it has a place for one.
 */
export async function bootVirtualPi(
  tar: string,
  prepare: (root: string) => Promise<void> = async () => {},
  plug: (run: VirtualPi['run']) => Promise<void> = async () => {},
): Promise<VirtualPi> {
  const work = await mkdtemp(path.join(tmpdir(), 'bramble-virtual-'));
  const root = path.join(work, 'root');
  await mkdir(root);
  await run('tar', ['-xf', tar, '--warning=no-unknown-keyword', '-C', root]);
  await prepare(root);
  const [enter, init] = [path.join(work, 'enter'), path.join(work, 'init')];
  await writeFile(enter, ENTER);
  await writeFile(init, INIT);
  await chmod(enter, 0o755);
  await chmod(init, 0o755);
  const cgroup = path.basename(work);
  const child = spawn('unshare', ['-m', enter, root, cgroup, init], { stdio: 'ignore' });
  let ended = false;
  child.once('exit', () => {
    ended = true;
  });
  /** systemd itself: the child of the second unshare, which took the place of the first one. */
  const systemd = async (): Promise<string> => {
    const task = `/proc/${child.pid}/task/${child.pid}/children`;
    return (await readFile(task, 'utf8').catch(() => '')).trim();
  };
  const inside = async (program: string, args: readonly string[], how = 'inside') => {
    if (ended) throw new Error('the virtual Pi has ended');
    const space = how === 'inside' ? '--all' : '--net';
    const { stdout } = await run('nsenter', [
      '--target',
      await systemd(),
      space,
      '--',
      program,
      ...args,
    ]);
    return stdout;
  };
  const dispose = async (): Promise<void> => {
    const gone = new Promise((resolve) => child.once('exit', resolve));
    if (!ended) {
      child.kill('SIGKILL');
      await gone;
    }
    await rm(work, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 });
  };
  try {
    // Before that its network is still this machine's.
    const own = await readlink('/proc/self/ns/net');
    const begun = async () => {
      const space = await readlink(`/proc/${await systemd()}/ns/net`).catch(() => own);
      return space !== own || ended;
    };
    await eventually('the virtual Pi begins', begun, BOOT);
    await plug(inside);
    const active = () => inside('systemctl', ['is-active', 'multi-user.target']);
    await eventually('the virtual Pi is up', () => succeeds(active), BOOT);
  } catch (error) {
    await dispose();
    throw error;
  }
  return { root, run: inside, [Symbol.asyncDispose]: dispose };
}

/** Whether it does what it is there for, without an error. */
export async function succeeds(act: () => Promise<unknown>): Promise<boolean> {
  return act().then(
    () => true,
    () => false,
  );
}
