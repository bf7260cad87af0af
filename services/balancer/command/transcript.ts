import { Console, type ConsoleKind } from './console.ts';

/** What is told while files are read: shown on a console, and kept to be shown again. */
export class Transcript {
  readonly console: Console;
  #text = '';

  constructor(shown: Console | undefined, introduction: string) {
    const keep = (text: string): void => {
      this.#text += text;
      shown?.raw(text);
    };
    this.console = new Console(undefined, introduction, keep);
    // Who reads it knows whose messages these are.
    this.console.started();
  }

  say(kind: ConsoleKind, text: string): void {
    this.console.say(kind, text);
  }

  get text(): string {
    return this.#text;
  }
}
