import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { quietly, sh } from './shell.ts';

const MAIN = 'switch';
const ISLAND = 'island';

/**
 * A switch, and the namespaces that it and all mounts of the nodes live in. One process holds them:
 * with it everything goes, also when this process is killed.
 */
export class Network {
  readonly #keeper: ChildProcess;
  readonly #door: string;
  readonly #number: number;

  private constructor(keeper: ChildProcess, door: string, number: number) {
    this.#keeper = keeper;
    this.#door = door;
    this.#number = number;
  }

  static async create(): Promise<Network> {
    const number = await freeNumber();
    const script = 'mount --make-rprivate / && echo up && exec sleep infinity';
    const keeper = spawn(
      'setpriv',
      ['--pdeathsig', 'KILL', 'unshare', '--mount', '--net', 'sh', '-c', script],
      { stdio: ['ignore', 'pipe', 'inherit'] },
    );
    await once(keeper.stdout!, 'data');
    const network = new Network(keeper, `bc${process.pid}n${number}`.slice(0, 15), number);
    try {
      await network.#build();
    } catch (error) {
      await network.remove();
      throw error;
    }
    return network;
  }

  /** The process whose namespaces the nodes' mounts are in. */
  get pid(): number {
    return this.#keeper.pid!;
  }

  /** Of node `index` (from 0), and above them what no node has. */
  address(index: number): string {
    return `198.18.${this.#number}.${index + 1}`;
  }

  virtualAddress(index: number): string {
    return `198.18.${this.#number}.${100 + index}`;
  }

  /** Answers pings as a router does. */
  get gateway(): string {
    return `198.18.${this.#number}.254`;
  }

  /** Runs a program of this machine in the switch, and where the nodes' mounts are. */
  inside(program: string, ...args: readonly string[]): Promise<string> {
    return sh('nsenter', '-t', `${this.pid}`, '--mount', '--net', '--', program, ...args);
  }

  /** Gives the node whose namespaces process `pid` is in a network card, `eth0`. */
  async plugIn(index: number, pid: number): Promise<void> {
    const port = portOf(index);
    await quietly(() => this.inside('ip', 'link', 'del', port));
    const mac = `02:b2:00:00:${hex(this.#number)}:${hex(index + 1)}`;
    await this.inside(
      ...(['ip', 'link', 'add', port, 'type', 'veth', 'peer', 'name', 'eth0'] as const),
      ...['address', mac, 'netns', `${pid}`],
    );
    await this.inside('ip', 'link', 'set', port, 'master', MAIN, 'up');
  }

  /** The cable is out: neither end has a carrier. */
  async pull(index: number): Promise<void> {
    await this.inside('ip', 'link', 'set', portOf(index), 'down');
  }

  async plug(index: number): Promise<void> {
    await this.inside('ip', 'link', 'set', portOf(index), 'up');
  }

  /** Puts these nodes on a switch of their own. All carriers stay. */
  async split(indices: readonly number[]): Promise<void> {
    const lines = indices.map((index) => `link set ${portOf(index)} master ${ISLAND}`);
    await this.#batch(lines);
  }

  async heal(indices: readonly number[]): Promise<void> {
    await this.#batch(indices.map((index) => `link set ${portOf(index)} master ${MAIN}`));
  }

  async remove(): Promise<void> {
    if (this.#keeper.exitCode === null && this.#keeper.signalCode === null) {
      const gone = once(this.#keeper, 'exit');
      this.#keeper.kill('SIGKILL');
      await gone;
    }
    // It goes with the namespace of its other end, but not at once.
    await quietly(() => sh('ip', 'link', 'del', this.#door));
  }

  async #build(): Promise<void> {
    const { gateway } = this;
    await sh(
      ...(['ip', 'link', 'add', this.#door, 'type', 'veth'] as const),
      ...['peer', 'name', 'door', 'netns', `${this.pid}`],
    );
    await this.#batch([
      'link set lo up',
      `link add ${MAIN} type bridge`,
      `link add ${ISLAND} type bridge`,
      `link set ${MAIN} up`,
      `link set ${ISLAND} up`,
      `address add ${gateway}/24 dev ${MAIN}`,
      `link set door master ${MAIN} up`,
    ]);
    await sh('ip', 'address', 'add', `198.18.${this.#number}.253/24`, 'dev', this.#door);
    await sh('ip', 'link', 'set', this.#door, 'up');
  }

  async #batch(lines: readonly string[]): Promise<void> {
    await this.inside('sh', '-c', `ip -batch - <<'END'\n${lines.join('\n')}\nEND`);
  }
}

function portOf(index: number): string {
  return `port${index + 1}`;
}

function hex(number: number): string {
  return number.toString(16).padStart(2, '0');
}

/** Third byte of a network of 198.18.0.0/15 (RFC 2544, for tests) that nobody here uses. */
async function freeNumber(): Promise<number> {
  const used = await sh('ip', '-4', 'address');
  for (let attempt = 0; attempt < 250; attempt++) {
    const number = (process.pid + attempt) % 250;
    if (!used.includes(`198.18.${number}.`)) return number;
  }
  throw new Error('no free test network in 198.18.0.0/16');
}
