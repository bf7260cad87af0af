import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
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
  /** As a power cut does: everything ends at once, its disk stays. */
  cut(): Promise<void>;
  /** Boots it again. */
  boot(): Promise<void>;
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
  let boots = 0;
  let child: ChildProcess | undefined;
  /** systemd itself: the child of the second unshare, which took the place of the first one. */
  const systemd = async (): Promise<string> => {
    const task = `/proc/${child?.pid}/task/${child?.pid}/children`;
    return (await readFile(task, 'utf8').catch(() => '')).trim();
  };
  const hasEnded = () =>
    child === undefined || child.exitCode !== null || child.signalCode !== null;
  const inside = async (program: string, args: readonly string[], how = 'inside') => {
    if (hasEnded()) throw new Error('the virtual Pi has ended');
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
  const cut = async (): Promise<void> => {
    if (child === undefined || hasEnded()) return;
    const pid = await systemd();
    const gone = once(child, 'exit');
    child.kill('SIGKILL');
    await gone;
    // It is the last of its namespace to end.
    await eventually('the virtual Pi is off', () => hasGone(pid), BOOT);
  };
  const dispose = async (): Promise<void> => {
    await cut();
    await rm(work, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 });
  };
  const boot = async (): Promise<void> => {
    const cgroup = `${path.basename(work)}-${boots++}`;
    child = spawn('unshare', ['-m', enter, root, cgroup, init], { stdio: 'ignore' });
    // Before that its network is still this machine's.
    const own = await readlink('/proc/self/ns/net');
    const begun = async () => {
      const space = await readlink(`/proc/${await systemd()}/ns/net`).catch(() => own);
      return space !== own || hasEnded();
    };
    await eventually('the virtual Pi begins', begun, BOOT);
    await plug(inside);
    const active = () => inside('systemctl', ['is-active', 'multi-user.target']);
    await eventually('the virtual Pi is up', () => succeeds(active), BOOT);
  };
  try {
    await boot();
  } catch (error) {
    await dispose();
    throw error;
  }
  return { root, run: inside, cut, boot, [Symbol.asyncDispose]: dispose };
}

/** Whether it does what it is there for, without an error. */
export async function succeeds(act: () => Promise<unknown>): Promise<boolean> {
  return act().then(
    () => true,
    () => false,
  );
}

async function hasGone(pid: string): Promise<boolean> {
  if (pid === '') return true;
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '');
  return stat === '' || /^\d+ \(.*\) [ZX]/.test(stat);
}
