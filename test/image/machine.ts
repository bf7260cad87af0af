import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { copyFromFat, readFat, readMbr } from './partitions.ts';

export interface MachineOptions {
  /** The card: what the machine writes stays in this file. */
  image: string;
  /** Ports of this machine by those of the emulated one. */
  forward: Record<number, number>;
  /** Files that the machine sees as /dev/vdb and so on, and cannot change. */
  disks?: readonly string[];
  /** MiB; the smallest board has 512. */
  memory?: number;
  /** Another image to read the slot's kernel from, where the card's FAT partition cannot be read. */
  firmware?: string;
  /** What its clock says when it is powered on, as QEMU's `-rtc base=` has it; else the right time. */
  clock?: string;
}

/** How much of what the console said is kept, characters. */
const CONSOLE = 400_000;
const DEFAULT_MEMORY = 1024;
/** From one look at a process to the next, milliseconds. */
const GLANCE = 5;

/**
 * A machine of QEMU's `virt` kind with a watchdog (i6300esb). In place of the Pi's firmware it reads
 * config.txt for the slot to start, and that slot's kernel, initramfs and command line, at every
 * reset anew.
 */
export class Machine {
  /** What was said on the serial console since the last reset. */
  console = '';
  /** Starts, the first one included. */
  starts = 0;
  /** The slot that config.txt named at the last of them. */
  slot = '';
  readonly #options: MachineOptions;
  readonly #work: string;
  #child: ChildProcess | undefined;
  #failure: unknown;
  #off = false;
  #loop: Promise<void> = Promise.resolve();

  private constructor(options: MachineOptions, work: string) {
    this.#options = options;
    this.#work = work;
  }

  static async start(options: MachineOptions): Promise<Machine> {
    const machine = new Machine(options, await mkdtemp(path.join(tmpdir(), 'bramble-machine-')));
    await machine.powerOn();
    return machine;
  }

  /** Throws what kept it from starting again, or the console's end when it is off. */
  expectRunning(): void {
    if (this.#failure !== undefined) throw this.#failure;
    if (this.#off) throw new Error(`the machine is off:\n${this.console.slice(-4_000)}`);
  }

  /** What it has computed since it was powered on or reset, milliseconds of one of our processors. */
  get computed(): number {
    // proc_pid_stat(5): the name may hold blanks; utime and stime in ticks of USER_HZ, which is 100.
    const stat = readText(`/proc/${this.#child?.pid}/stat`)
      .replace(/^.*\) /s, '')
      .split(' ');
    return (Number(stat[11] ?? 0) + Number(stat[12] ?? 0)) * 10;
  }

  /** Takes its power away, in the middle of whatever it does. */
  async powerOff(): Promise<void> {
    this.#off = true;
    this.#child?.kill('SIGKILL');
    await this.#loop;
  }

  /**
   * Runs `act` while the machine stands still. Its card then holds what it would hold had QEMU been
   * killed at that moment: nothing is on its way to the file once all of its threads have stopped.
   */
  async whileStopped<T>(act: () => Promise<T>): Promise<T> {
    this.expectRunning();
    const child = this.#child!;
    child.kill('SIGSTOP');
    try {
      while (!isStopped(child.pid)) {
        this.expectRunning();
        await sleep(GLANCE);
      }
      return await act();
    } finally {
      child.kill('SIGCONT');
    }
  }

  async powerOn(): Promise<void> {
    this.#off = false;
    await this.#boot();
    this.#loop = this.#keepRunning();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.powerOff();
    await rm(this.#work, { recursive: true, force: true });
  }

  async #keepRunning(): Promise<void> {
    for (;;) {
      const child = this.#child!;
      if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
      if (this.#off) return;
      // QEMU ends at a reset, and at nothing else that a system does.
      try {
        if (child.exitCode !== 0) throw new Error(`QEMU ended:\n${this.console.slice(-4_000)}`);
        await this.#boot();
      } catch (error) {
        this.#failure = error;
        return;
      }
    }
  }

  async #boot(): Promise<void> {
    const { image, forward, memory = DEFAULT_MEMORY, firmware = image, clock } = this.#options;
    const { parts } = await readMbr(firmware);
    const start = parts[0]!.start;
    const config = await readFat(firmware, start, 'config.txt');
    const slot = [...config.matchAll(/^os_prefix=(\w)\/\s*$/gm)].at(-1)?.[1] ?? '';
    const [kernel, initrd] = [
      path.join(this.#work, 'vmlinuz'),
      path.join(this.#work, 'initrd.img'),
    ];
    await copyFromFat(firmware, start, `${slot}/vmlinuz`, kernel);
    await copyFromFat(firmware, start, `${slot}/initrd.img`, initrd);
    const line = (await readFat(firmware, start, `${slot}/cmdline.txt`))
      .trim()
      .replace('console=ttyS1,115200', 'console=ttyAMA0');
    const ports = Object.entries(forward).map(
      ([guest, host]) => `,hostfwd=tcp:127.0.0.1:${host}-:${guest}`,
    );
    const more = (this.#options.disks ?? []).flatMap((file, at) => [
      ...['-drive', `if=none,id=disk${at},format=raw,readonly=on,file=${file}`],
      ...['-device', `virtio-blk-pci,drive=disk${at}`],
    ]);
    const child = spawn(
      'qemu-system-aarch64',
      [
        ...['-M', 'virt', '-cpu', 'cortex-a53', '-m', `${memory}`, '-display', 'none'],
        // In a file too, for a person who wants to see how far it is.
        ...[
          '-chardev',
          `stdio,id=console,logfile=${path.join(this.#work, 'console')},logappend=on`,
        ],
        ...['-serial', 'chardev:console', '-monitor', 'none'],
        // Its clock goes by the instructions that it has executed, one a nanosecond: where this machine
        // is busy, it is a slower one, and its watchdog does not take it for one that hangs.
        ...['-icount', 'shift=0,sleep=on'],
        ...(clock === undefined ? [] : ['-rtc', `base=${clock}`]),
        ...['-kernel', kernel, '-initrd', initrd],
        // Emulated, a disk may take longer to show up than systemd waits for a real one.
        ...['-append', `${line} systemd.default_device_timeout_sec=600`],
        ...['-drive', `if=none,id=card,format=raw,file=${image},cache=writeback`],
        ...['-device', 'virtio-blk-pci,drive=card'],
        ...more,
        ...['-netdev', `user,id=net,restrict=on${ports.join('')}`],
        ...['-device', 'virtio-net-pci,netdev=net,romfile='],
        ...['-device', 'i6300esb', '-action', 'watchdog=reset', '-no-reboot'],
      ],
      { stdio: ['ignore', 'pipe', 'pipe'] },
    );
    this.console = '';
    // Both at once: somebody waits for the one and then reads the other.
    this.slot = slot;
    this.starts += 1;
    const keep = (chunk: Buffer): void => {
      this.console = (this.console + chunk.toString('utf8')).slice(-CONSOLE);
    };
    child.stdout.on('data', keep);
    child.stderr.on('data', keep);
    this.#child = child;
  }
}

/** Whether every thread of a process is stopped (proc_pid_stat(5): state T). */
function isStopped(pid: number | undefined): boolean {
  const threads = readdirSync(`/proc/${pid}/task`);
  return threads.every((thread) => /\) T /.test(readText(`/proc/${pid}/task/${thread}/stat`)));
}

function readText(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}
