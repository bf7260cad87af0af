import type { LogLine } from '../supervise/log-line.ts';
import type { ProcessExit } from '../supervise/supervised-process.ts';
import type { Output } from './output.ts';
import type { Style } from './style.ts';
import type { Summary } from './summary.ts';

const NAME_WIDTH = 10;
/** Complaints of one process shown within one period; the rest are only in its log. */
const COMPLAINTS_SHOWN = 5;
const COMPLAINT_PERIOD = 10_000;

/** Lines for people: what listens where, what to paste, and each process's changes with the time. */
export class HumanOutput implements Output {
  readonly #write: (text: string) => void;
  readonly #style: Style;
  /** How to call the `mqtt` command of this checkout. */
  readonly #mqttCommand: string;
  readonly #complaints = new Map<string, { since: number; count: number }>();

  constructor(write: (text: string) => void, style: Style, mqttCommand: string) {
    this.#write = write;
    this.#style = style;
    this.#mqttCommand = mqttCommand;
  }

  note(text: string): void {
    this.#write(`${this.#style.dim(text)}\n`);
  }

  started(name: string, pid: number): void {
    this.#change(name, `started, pid ${pid}`);
  }

  processReady(name: string, _pid: number, after: number): void {
    this.#change(name, this.#style.good(`ready after ${seconds(after)}`));
  }

  exited(name: string, { reason, expected, restartIn }: ProcessExit): void {
    if (expected) {
      this.#change(name, `stopped (${reason})`);
      return;
    }
    const again = restartIn === undefined ? '' : `; starting again in ${seconds(restartIn)}`;
    this.#change(name, this.#style.bad(`died: ${reason}${again}`));
  }

  complaint(name: string, { severity, text }: LogLine): void {
    const now = Date.now();
    let seen = this.#complaints.get(name);
    if (!seen || now - seen.since > COMPLAINT_PERIOD) seen = { since: now, count: 0 };
    this.#complaints.set(name, seen);
    seen.count++;
    if (seen.count <= COMPLAINTS_SHOWN) {
      const paint = severity === 'warning' ? this.#style.warn : this.#style.bad;
      this.#change(name, paint(`${severity}: ${text}`));
    } else if (seen.count === COMPLAINTS_SHOWN + 1) {
      this.#change(name, this.#style.dim('more of these; see its log'));
    }
  }

  ready(summary: Summary): void {
    const { bold, dim } = this.#style;
    const lines = [
      '',
      ...table(endpoints(summary)).map(([what, where, remark]) =>
        `  ${what}  ${bold(where)}  ${dim(remark)}`.trimEnd(),
      ),
      '',
      ...this.#tryIt(summary),
      '',
      `${this.#style.good(`Ready in ${seconds(summary.took)}.`)} Ctrl-C drains and stops everything.`,
      '',
    ];
    this.#write(`${lines.join('\n')}\n`);
  }

  stopping(why: string): void {
    this.#write(`\n${why}: draining and stopping; once more to end at once.\n`);
  }

  stopped(): void {
    this.#write('All stopped.\n');
  }

  #tryIt({ host, ports, login, closed }: Summary): string[] {
    if (closed) {
      return [
        this.#style.warn('  Nobody can log in: cluster.yaml has no mqtt.users (see --anonymous).'),
      ];
    }
    const who = login ? ` -u ${shellWord(login.user)} -P ${shellWord(login.password)}` : '';
    const command = (verb: string) =>
      `${this.#mqttCommand} ${verb} -h ${host} -p ${ports.mqtt}${who} -t hello`;
    return [
      '  Try it, in two other terminals in this folder:',
      `    ${this.#style.bold(`${command('sub')} -v`)}`,
      `    ${this.#style.bold(`${command('pub')} -m world`)}`,
    ];
  }

  #change(name: string, text: string): void {
    const time = new Date().toTimeString().slice(0, 8);
    this.#write(`${this.#style.dim(time)}  ${name.padEnd(NAME_WIDTH)}${text}\n`);
  }
}

type Row = [what: string, where: string, remark: string];

function endpoints({ host, ports, nodes, stats }: Summary): Row[] {
  const brokers = nodes.length === 1 ? nodes[0]! : `spread over ${nodes.join(', ')}`;
  const rows: Row[] = [
    ['MQTT', `${host}:${ports.mqtt}`, brokers],
    ['MQTT, connectors', `${host}:${ports.connectors}`, 'silent for up to 3 h'],
    ['MQTT, WebSocket', `ws://${host}:${ports.websocket}/`, ''],
    ...tlsEndpoints(host, ports),
    ['Page', `http://${host}:${ports.page}/`, ''],
  ];
  if (ports.stats !== undefined) {
    const remark = stats ? `user ${stats.user}, password ${stats.password}` : '';
    rows.push(['Balancer', `http://${host}:${ports.stats}/haproxy?stats`, remark]);
  }
  if (ports.kafka !== undefined) {
    rows.push(['Kafka', `${host}:${ports.kafka}`, 'see what arrives: bramble bridge tail mqtt']);
  }
  return rows;
}

function tlsEndpoints(host: string, { mqttTls, websocketTls }: Summary['ports']): Row[] {
  if (mqttTls === undefined || websocketTls === undefined) return [];
  return [
    ['MQTT, TLS', `mqtts://${host}:${mqttTls}`, ''],
    ['WebSocket, TLS', `wss://${host}:${websocketTls}/`, ''],
  ];
}

function table(rows: readonly Row[]): Row[] {
  const width = (column: 0 | 1) => Math.max(...rows.map((row) => row[column].length));
  const [what, where] = [width(0), width(1)];
  return rows.map(([a, b, c]) => [a.padEnd(what), b.padEnd(where), c]);
}

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`;
}

/** Quotes what a POSIX shell would not take literally. */
function shellWord(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}
