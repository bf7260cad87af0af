import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { copyFromFat, readFat, readMbr } from './partitions.ts';

export interface MachineOptions {
  /** The card: what the machine writes stays in this file. */
  image: string;
  /** Ports of this machine by those of the emulated one. */
  forward: Record<number, number>;
}

/** How much of what the console said is kept, characters. */
const CONSOLE = 200_000;

/**
 * A machine of QEMU's `virt` kind that starts an image's own kernel and initramfs, with its own
 * command line. The Pi's firmware is not part of it.
 */
export class Machine {
  console = '';
  readonly #child: ChildProcess;
  readonly #work: string;

  private constructor(child: ChildProcess, work: string) {
    this.#child = child;
    this.#work = work;
    const keep = (chunk: Buffer): void => {
      this.console = (this.console + chunk.toString('utf8')).slice(-CONSOLE);
    };
    child.stdout?.on('data', keep);
    child.stderr?.on('data', keep);
  }

  static async start({ image, forward }: MachineOptions): Promise<Machine> {
    const work = await mkdtemp(path.join(tmpdir(), 'bramble-machine-'));
    const { parts } = await readMbr(image);
    const start = parts[0]!.start;
    const [kernel, initrd] = [path.join(work, 'vmlinuz'), path.join(work, 'initrd.img')];
    await copyFromFat(image, start, 'a/vmlinuz', kernel);
    await copyFromFat(image, start, 'a/initrd.img', initrd);
    const line = (await readFat(image, start, 'a/cmdline.txt'))
      .trim()
      .replace('console=ttyS1,115200', 'console=ttyAMA0');
    const ports = Object.entries(forward).map(
      ([guest, host]) => `,hostfwd=tcp:127.0.0.1:${host}-:${guest}`,
    );
    const child = spawn(
      'qemu-system-aarch64',
      [
        ...['-M', 'virt', '-cpu', 'cortex-a72', '-smp', '2', '-m', '1024', '-nographic'],
        ...['-kernel', kernel, '-initrd', initrd],
        // Emulated, a disk may take longer to show up than systemd waits for a real one.
        ...['-append', `${line} systemd.default_device_timeout_sec=600`],
        ...['-drive', `if=none,id=card,format=raw,file=${image}`],
        ...['-device', 'virtio-blk-pci,drive=card'],
        ...['-netdev', `user,id=net,restrict=on${ports.join('')}`],
        ...['-device', 'virtio-net-pci,netdev=net'],
        '-no-reboot',
      ],
      { stdio: ['ignore', 'pipe', 'pipe'] },
    );
    return new Machine(child, work);
  }

  get running(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null;
  }

  /** Takes its power away. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.running) {
      const gone = once(this.#child, 'exit');
      this.#child.kill('SIGKILL');
      await gone;
    }
    await rm(this.#work, { recursive: true, force: true });
  }
}
