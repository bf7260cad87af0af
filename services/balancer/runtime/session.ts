import type net from 'node:net';
import { describeError } from '#core/errors.ts';
import type { Call, CommandTable, SessionSettings } from './command.ts';
import { allows, type Level } from './config.ts';
import { runEverywhere } from './everywhere.ts';
import { findCommand } from './find.ts';
import { helpText, unknownText } from './help.ts';
import type { RuntimeHost } from './host.ts';
import { type Place, placeOf, promptOf } from './master.ts';
import { data, failure, NOTHING, type Reply, render } from './reply.ts';
import { splitCommands, splitWords } from './words.ts';

/** Longest line, and longest payload behind one, characters. */
const MAX_LINE = 16_384;
const MAX_PAYLOAD = 1_048_576;
const PAYLOAD_MARK = '<<';

export interface CliSessionDeps {
  readonly host: RuntimeHost;
  readonly table: CommandTable;
  readonly level: Level;
  /** It is the socket of a master (`-S`), which leads to its worker. */
  readonly master?: boolean | undefined;
  /** Milliseconds. */
  readonly timeout: number;
}

/**
 * One connection to a runtime socket: lines of commands in, answers out, an empty line behind each
 * (HAProxy 2.6 management guide, section 9.3). Without `prompt` it ends behind the lines that came
 * together.
 */
export class CliSession {
  readonly #socket: net.Socket;
  readonly #deps: CliSessionDeps;
  readonly #settings: SessionSettings;
  #input = '';
  /** A command that waits for the end of its payload. */
  #open: { words: string[]; lines: string[]; length: number } | undefined;
  /** Whom commands without a prefix are for; undefined where there is just one place. */
  #place: Place | undefined;
  #busy = false;
  #ended = false;

  constructor(socket: net.Socket, deps: CliSessionDeps) {
    this.#socket = socket;
    this.#deps = deps;
    const { level, timeout } = deps;
    if (deps.master) this.#place = 'master';
    this.#settings = { level, timeout, interactive: false, severityOutput: 'none' };
  }

  start(): void {
    const socket = this.#socket;
    socket.setEncoding('utf8');
    socket.setTimeout(this.#settings.timeout, () => socket.destroy());
    socket.on('data', (text: string) => {
      this.#input += text;
      void this.#advance();
    });
    socket.on('end', () => {
      this.#ended = true;
      void this.#advance();
    });
    // Whatever went wrong, a close follows.
    socket.on('error', () => undefined);
  }

  async #advance(): Promise<void> {
    if (this.#busy) return;
    this.#busy = true;
    let answered = false;
    for (let at = this.#input.indexOf('\n'); at >= 0; at = this.#input.indexOf('\n')) {
      const line = this.#input.slice(0, at).replace(/\r$/, '');
      this.#input = this.#input.slice(at + 1);
      if (!(await this.#line(line))) {
        this.#socket.end();
        return;
      }
      answered = true;
    }
    this.#busy = false;
    const { interactive } = this.#settings;
    if (this.#input.length > MAX_LINE) this.#socket.destroy();
    else if (this.#ended || (answered && !interactive && !this.#open)) this.#socket.end();
  }

  /** False when the session is over. */
  async #line(line: string): Promise<boolean> {
    const open = this.#open;
    if (open) {
      if (line === '') {
        this.#open = undefined;
        await this.#run(open.words, `${open.lines.join('\n')}\n`);
        return true;
      }
      open.lines.push(line);
      open.length += line.length;
      if (open.length <= MAX_PAYLOAD) {
        if (this.#settings.interactive) this.#socket.write('+ ');
        return true;
      }
      return false;
    }
    for (const command of splitCommands(line)) {
      const words = splitWords(command);
      if (this.#place !== undefined && words[0]?.startsWith('@')) {
        if (!this.#routed(words)) continue;
        words.shift();
      }
      if (words[0] === 'quit') return false;
      if (words.at(-1) === PAYLOAD_MARK) {
        this.#open = { words: words.slice(0, -1), lines: [], length: 0 };
        if (this.#settings.interactive) this.#socket.write('+ ');
        return true;
      }
      await this.#run(words, undefined);
    }
    return true;
  }

  /** Whether a command behind a prefix is left to be run. */
  #routed([prefix = '', ...words]: readonly string[]): boolean {
    const place = placeOf(prefix);
    if (place === undefined) {
      this.#write(failure(`Can't find the target PID matching the prefix '${prefix}'`));
    } else if (words.length === 0) {
      this.#place = place;
      if (this.#settings.interactive) this.#socket.write(`\n${promptOf(place)}`);
    }
    return place !== undefined && words.length > 0;
  }

  #write(reply: Reply): void {
    const { interactive, severityOutput } = this.#settings;
    const end = interactive ? `\n${promptOf(this.#place)}` : '\n';
    this.#socket.write(render(reply, severityOutput) + end);
  }

  async #run(words: readonly string[], payload: string | undefined): Promise<void> {
    let reply: Reply;
    try {
      reply = await this.#answer(words, payload);
    } catch (error) {
      reply = failure(describeError(error));
    }
    this.#socket.setTimeout(this.#settings.timeout);
    this.#write(reply);
  }

  #answer(words: readonly string[], payload: string | undefined): Reply | Promise<Reply> {
    const [first = ''] = words;
    const { table, host } = this.#deps;
    const settings = this.#settings;
    if (first === 'help') return data(helpText(table, words.slice(1)));
    if (first === 'prompt') {
      settings.interactive = !settings.interactive;
      return NOTHING;
    }
    const command = findCommand(table, words);
    if (!command) return data(unknownText(table, words));
    if (!allows(settings.level, command.level ?? 'user')) return failure('Permission denied');
    const rest = words.slice(command.name.split(' ').length);
    const call: Call = {
      host,
      session: settings,
      words: rest,
      word: (index) => rest[index] ?? '',
      payload,
    };
    return host.crew ? runEverywhere(command, call, words, host.crew) : command.run(call);
  }
}
