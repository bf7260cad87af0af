import { printable } from '../admin/table.ts';
import type { PlaybookEvent } from '../ansible/events.ts';
import type { Style } from '../dev/style.ts';

export interface ProgressOptions {
  write: (text: string) => void;
  isTerminal: boolean;
  style: Style;
  /** Of the terminal, characters. */
  columns: number;
}

/** Tasks that say what they did in a way that a reader wants to see. */
const CLEAR = '\r\u001b[K';

/**
 * Tells a person how a playbook goes: what changed and what failed a line each, and on a terminal
 * below them what goes on right now.
 */
export class Progress {
  readonly #options: ProgressOptions;
  readonly failures: { host: string; task: string; message: string }[] = [];
  #play = '';
  #shown = false;

  constructor(options: ProgressOptions) {
    this.#options = options;
  }

  read(event: PlaybookEvent): void {
    const { style } = this.#options;
    switch (event.event) {
      case 'play':
        if (event.name !== this.#play) this.#line(style.bold(event.name));
        this.#play = event.name;
        return;
      case 'task':
        this.#status(plainTask(event.name));
        return;
      case 'result':
        this.#result(event);
        return;
      case 'end':
        this.#clear();
    }
  }

  #result(event: Extract<PlaybookEvent, { event: 'result' }>): void {
    const { style } = this.#options;
    const { status, host } = event;
    const task = plainTask(event.task);
    if (status === 'changed') this.#line(`  ${host}: ${task}`);
    if (status !== 'failed' && status !== 'unreachable') return;
    const message = String(event.msg ?? '');
    this.failures.push({ host, task, message });
    this.#line(
      `  ${host}: ${style.bad(task)}: ${message.split('\n').map(printable).join('\n    ')}`,
    );
  }

  #line(text: string): void {
    this.#clear();
    this.#options.write(`${text}\n`);
  }

  #status(text: string): void {
    if (!this.#options.isTerminal) return;
    const { columns, style, write } = this.#options;
    write(`${CLEAR}${style.dim(`  … ${text}`.slice(0, Math.max(10, columns - 1)))}`);
    this.#shown = true;
  }

  #clear(): void {
    if (this.#shown) this.#options.write(CLEAR);
    this.#shown = false;
  }
}

function plainTask(name: string): string {
  return printable(name.replace(/^[a-z_]+ : /, ''));
}
