import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rename, rm, stat, truncate } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { freePorts } from '../support/ports.ts';
import { builtImage } from './built.ts';
import { Machine, type MachineOptions } from './machine.ts';
import { type Door, roundTrip } from './mqtt.ts';
import { readAt, readFat, readMbr, writeFat } from './partitions.ts';
import { Patience } from './patience.ts';

const run = promisify(execFile);
/** Upper bounds under emulation, milliseconds: see `Patience`. */
export const BOOT = 900_000;
export const READY = 600_000;
/** Larger than the image, and not by a round number. */
const SIZE = 3_000_000_000 - 512 * 7;
/** From one look to the next: each costs the machine a login or a connection. */
const BETWEEN = 1_000;
const USER = 'jane';

export interface FlashOptions extends Partial<Omit<MachineOptions, 'image'>> {
  /** The image; else the one without Kafka. */
  from?: string;
  /** Texts that its owner puts on the FAT partition, by name. */
  files?: Record<string, string>;
  /** What happens to the card before it is in a machine; `firmware` is where the FAT begins, bytes. */
  mishap?: (card: string, firmware: number) => Promise<void>;
}

/** A card with the image on it, in a machine that its owner can reach. */
export class CardMachine {
  readonly card: string;
  readonly machine: Machine;
  readonly #work: string;
  readonly #key: string;
  readonly #ports: { ssh: number; mqtt: number; page: number };
  readonly #firmware: number;

  private constructor(
    work: string,
    key: string,
    firmware: number,
    ports: { ssh: number; mqtt: number; page: number },
    machine: Machine,
  ) {
    this.#work = work;
    this.card = path.join(work, 'card.img');
    this.#key = key;
    this.#firmware = firmware;
    this.#ports = ports;
    this.machine = machine;
  }

  /** Flashes a card, has Raspberry Pi Imager's files name its owner, and powers on. */
  static async flash(flash: FlashOptions = {}): Promise<CardMachine> {
    const { from = await builtImage(), files = {}, mishap, ...options } = flash;
    const work = await mkdtemp(path.join(tmpdir(), 'bramble-card-'));
    const card = path.join(work, 'card.img');
    await run('cp', ['--sparse=always', from, card]);
    await truncate(card, SIZE);
    const key = path.join(work, 'key');
    await run('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', key]);
    const publicKey = (await readFile(`${key}.pub`, 'utf8')).trim();
    const { parts } = await readMbr(card);
    const firmware = parts[0]!.start;
    const userData = `#cloud-config\nhostname: attic\nusers:\n- name: ${USER}\n  ssh_authorized_keys:\n  - ${publicKey}\n`;
    for (const [file, text] of Object.entries({ 'user-data': userData, ...files })) {
      await writeFat(card, firmware, file, text);
    }
    await mishap?.(card, firmware);
    const [ssh, mqtt, page] = (await freePorts(3)) as [number, number, number];
    const forward = { 22: ssh, 1883: mqtt, 80: page };
    const machine = await Machine.start({ image: card, forward, ...options });
    return new CardMachine(work, key, firmware, { ssh, mqtt, page }, machine);
  }

  /** A text file of the FAT partition. */
  read(file: string): Promise<string> {
    return readFat(this.card, this.#firmware, file);
  }

  write(file: string, text: string): Promise<void> {
    return writeFat(this.card, this.#firmware, file, text);
  }

  /** Runs a command line as root. */
  async ssh(command: string): Promise<string> {
    const options = ['StrictHostKeyChecking=no', 'UserKnownHostsFile=/dev/null', 'LogLevel=ERROR'];
    const { stdout } = await run(
      'ssh',
      [
        ...options.flatMap((option) => ['-o', option]),
        ...['-o', 'ConnectTimeout=60', '-i', this.#key, '-p', `${this.#ports.ssh}`],
        ...[`${USER}@127.0.0.1`, `sudo sh -c '${command.replaceAll("'", `'\\''`)}'`],
      ],
      { maxBuffer: 16 * 1024 * 1024 },
    );
    return stdout;
  }

  /** A copy of the card as a power cut would leave it now; the machine goes on. */
  async cut(name: string): Promise<string> {
    const copy = path.join(this.#work, name);
    await this.machine.whileStopped(() => run('cp', ['--sparse=always', this.card, copy]));
    return copy;
  }

  /** Powers off, puts such a copy in its place, and powers on. */
  async insert(copy: string): Promise<void> {
    await this.machine.powerOff();
    await rename(copy, this.card);
    await this.machine.powerOn();
  }

  /** Waits until a condition holds; fails at once when the machine has ended. */
  async until(what: string, act: () => Promise<unknown>, limit = READY): Promise<void> {
    const patience = new Patience(this.machine, limit);
    for (let last: unknown; ; await sleep(BETWEEN)) {
      this.machine.expectRunning();
      try {
        if ((await act()) !== false) return;
      } catch (error) {
        last = error;
      }
      if (!patience.isOver()) continue;
      const console = this.machine.console.slice(-3_000);
      throw new Error(`not within ${limit} ms: ${what}\n${last ?? ''}\n${console}`);
    }
  }

  /** Its MQTT, with the login that STATUS.txt tells. */
  async door(): Promise<Door> {
    const text = await this.read('STATUS.txt');
    const username = /^MQTT user: (\S+)\r$/m.exec(text)?.[1] ?? '';
    const password = /^Password: +(\S+)\r$/m.exec(text)?.[1] ?? '';
    return { port: this.#ports.mqtt, username, password };
  }

  /** Whether partition and file system of the data end where the card does. */
  async isGrown(): Promise<boolean> {
    const { parts } = await readMbr(this.card);
    const data = parts[3]!;
    // ext4's superblock: blocks at 4, the block size as a power of two over 1024 at 24.
    const superblock = await readAt(this.card, data.start + 1024, 32);
    const bytes = superblock.readUInt32LE(4) * (1024 << superblock.readUInt32LE(24));
    const { size } = await stat(this.card);
    const slack = 2 * 1024 * 1024;
    return data.start + data.size > size - slack && bytes > data.size - slack;
  }

  /** Its MQTT, as somebody sees it who has no login. */
  get frontDoor(): Door {
    return { port: this.#ports.mqtt, username: '', password: '' };
  }

  async page(where = '/'): Promise<string> {
    const answer = await fetch(`http://127.0.0.1:${this.#ports.page}${where}`);
    if (!answer.ok) throw new Error(`${where} answers ${answer.status}`);
    return answer.text();
  }

  /** Until MQTT and the page serve. */
  async serves(limit = BOOT): Promise<void> {
    await this.until('a message goes round', async () => roundTrip(await this.door()), limit);
    await this.until('the page is there', () => this.page());
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.machine[Symbol.asyncDispose]();
    await rm(this.#work, { recursive: true, force: true });
  }
}
