import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, truncate } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { connect } from 'mqtt';
import { eventually } from '../support/broker.ts';
import { freePorts } from '../support/ports.ts';
import { builtImage } from './built.ts';
import { Machine, type MachineOptions } from './machine.ts';
import { readFat, readMbr, writeFat } from './partitions.ts';
import { succeeds } from './virtual-pi.ts';

const run = promisify(execFile);
/** Upper bounds under emulation on a busy machine, milliseconds. */
export const BOOT = 900_000;
export const READY = 600_000;
/** Larger than the image, and not by a round number. */
const SIZE = 3_000_000_000 - 512 * 7;
const ROUND_TRIP = 30_000;
const USER = 'jane';

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
  static async flash(options: Partial<MachineOptions> = {}): Promise<CardMachine> {
    const work = await mkdtemp(path.join(tmpdir(), 'bramble-card-'));
    const card = path.join(work, 'card.img');
    await run('cp', ['--sparse=always', await builtImage(), card]);
    await truncate(card, SIZE);
    const key = path.join(work, 'key');
    await run('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', key]);
    const publicKey = (await readFile(`${key}.pub`, 'utf8')).trim();
    const { parts } = await readMbr(card);
    const firmware = parts[0]!.start;
    const userData = `#cloud-config\nhostname: attic\nusers:\n- name: ${USER}\n  ssh_authorized_keys:\n  - ${publicKey}\n`;
    await writeFat(card, firmware, 'user-data', userData);
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

  /** Waits until a condition holds; fails at once when the machine has ended. */
  async until(what: string, act: () => Promise<unknown>, limit = READY): Promise<void> {
    let last: unknown;
    await eventually(
      what,
      async () => {
        this.machine.expectRunning();
        return act().then(
          (value) => value !== false,
          (error: unknown) => {
            last = error;
            return false;
          },
        );
      },
      limit,
    ).catch((error: unknown) => {
      throw new Error(`${error}\n${last ?? ''}\n${this.machine.console.slice(-3_000)}`);
    });
  }

  /** Sends a message from outside and gets it back, with the login that STATUS.txt tells. */
  async roundTrip(): Promise<void> {
    const text = await this.read('STATUS.txt');
    const username = /^MQTT user: (\S+)\r$/m.exec(text)?.[1] ?? '';
    const password = /^Password: +(\S+)\r$/m.exec(text)?.[1] ?? '';
    const options = { username, password, protocolVersion: 5, reconnectPeriod: 0 } as const;
    const client = connect(`mqtt://127.0.0.1:${this.#ports.mqtt}`, options);
    const { promise, resolve, reject } = Promise.withResolvers<string>();
    // QEMU takes a connection that nobody in the machine takes, and says nothing.
    const late = setTimeout(() => reject(new Error('no answer over MQTT')), ROUND_TRIP);
    client.once('message', (_, body) => resolve(`${body}`));
    client.once('error', reject);
    client.once('close', () => reject(new Error('MQTT: closed')));
    client.once('connect', () =>
      client.subscribe('attic/door', { qos: 1 }, () =>
        client.publish('attic/door', 'open', { qos: 1 }),
      ),
    );
    try {
      if ((await promise) !== 'open') throw new Error('another message came back');
    } finally {
      clearTimeout(late);
      client.end(true);
    }
  }

  async page(): Promise<string> {
    const answer = await fetch(`http://127.0.0.1:${this.#ports.page}/`);
    if (!answer.ok) throw new Error(`the page answers ${answer.status}`);
    return answer.text();
  }

  /** Until MQTT and the page serve. */
  async serves(limit = BOOT): Promise<void> {
    await this.until('a message goes round', () => this.roundTrip(), limit);
    await this.until('the page is there', () => this.page());
  }

  async isUp(): Promise<boolean> {
    return succeeds(() => this.ssh('true'));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.machine[Symbol.asyncDispose]();
    await rm(this.#work, { recursive: true, force: true });
  }
}
