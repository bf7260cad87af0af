import { type ChildProcess, spawn } from 'node:child_process';
import type { Writable } from 'node:stream';
import { CLOSE_PATIENCE, MAX_BUFFERED, type Output } from './output.ts';

/** The runtime has no datagram sockets of the unix family; perl, which every Debian has, does. */
const PROGRAM = 'perl';

/**
 * Sends each line of its standard input as a datagram to the address in its argument (hexadecimal),
 * and ends with its input: a signal to the whole group must not cost the last lines.
 */
const SCRIPT = `
use strict; use Socket;
$0 = "bramble-balancer: log";
$SIG{$_} = "IGNORE" for qw(INT TERM HUP PIPE);
my $to = sockaddr_un(pack("H*", $ARGV[0]));
socket(my $socket, PF_UNIX, SOCK_DGRAM, 0) or exit 1;
binmode(STDIN);
while (my $line = <STDIN>) { send($socket, $line, 0, $to) }
`;

/** Before a helper that has died is started once more, milliseconds. */
const RESTART_INTERVAL = 1000;

/** An account to send as; undefined = the one of this process. */
export interface Account {
  readonly uid: number | undefined;
  readonly gid: number | undefined;
}

/**
 * Syslog over a unix datagram socket such as `/dev/log` (HAProxy 2.6 manual, section 4.2 "log"),
 * by way of a helper process. As everywhere, nobody says whether a line arrived.
 */
export class UnixOutput implements Output {
  readonly #address: string;
  readonly #account: Account | undefined;
  #helper: ChildProcess | undefined;
  #startedAt = Number.NEGATIVE_INFINITY;
  #pending: string[] = [];
  #size = 0;
  #scheduled = false;
  #dropped = 0;
  #closed = false;

  /** `path` of the socket, or a NUL and the name of an abstract one. */
  constructor(path: string, account?: Account) {
    this.#address = Buffer.from(path, 'utf8').toString('hex');
    this.#account = account;
  }

  get dropped(): number {
    return this.#dropped;
  }

  write(line: string): void {
    const input = this.#closed ? undefined : this.#input();
    if (!input || this.#size + input.writableLength + line.length > MAX_BUFFERED) {
      this.#dropped++;
      return;
    }
    this.#pending.push(line);
    this.#size += line.length;
    if (this.#scheduled) return;
    this.#scheduled = true;
    setImmediate(this.#flush);
  }

  readonly #flush = (): void => {
    this.#scheduled = false;
    const lines = this.#pending;
    if (lines.length === 0) return;
    this.#pending = [];
    this.#size = 0;
    const input = this.#input();
    if (input) input.write(lines.join(''), 'latin1');
    else this.#dropped += lines.length;
  };

  /** What the helper reads from; undefined where there is none, and it is too early for another. */
  #input(): Writable | undefined {
    const running = this.#helper?.stdin;
    if (running?.writable) return running;
    const now = performance.now();
    if (now - this.#startedAt < RESTART_INTERVAL) return undefined;
    this.#startedAt = now;
    return this.#start();
  }

  #start(): Writable | undefined {
    const { uid, gid } = this.#account ?? {};
    const root = process.getuid?.() === 0;
    const helper = spawn(PROGRAM, ['-e', SCRIPT, this.#address], {
      stdio: ['pipe', 'ignore', 'ignore'],
      ...(root && uid !== undefined && { uid }),
      ...(root && gid !== undefined && { gid }),
    });
    helper.on('error', () => this.#lost(helper));
    helper.on('exit', () => this.#lost(helper));
    const { stdin } = helper;
    stdin.on('error', () => this.#lost(helper));
    helper.unref();
    (stdin as Writable & { unref?(): void }).unref?.();
    this.#helper = helper;
    return stdin.writable ? stdin : undefined;
  }

  #lost(helper: ChildProcess): void {
    if (this.#helper === helper) this.#helper = undefined;
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    if (this.#pending.length > 0) this.#flush();
    this.#closed = true;
    const helper = this.#helper;
    if (!helper?.stdin) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    const overdue = setTimeout(resolve, CLOSE_PATIENCE);
    helper.once('exit', () => resolve());
    helper.stdin.end();
    await promise;
    clearTimeout(overdue);
    helper.stdin.destroy();
  }
}
