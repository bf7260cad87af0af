/** Tells of each step what it took, and at the end of all of them. */
export class Steps {
  readonly #say: (text: string) => void;
  readonly #from = performance.now();

  constructor(say: (text: string) => void) {
    this.#say = say;
  }

  async run<T>(name: string, act: () => Promise<T>): Promise<T> {
    const from = performance.now();
    const result = await act();
    this.#tell(name, from);
    return result;
  }

  say(text: string): void {
    this.#say(text);
  }

  total(): void {
    this.#tell('all of it', this.#from);
  }

  #tell(name: string, from: number): void {
    this.#say(`${name.padEnd(16)} ${((performance.now() - from) / 1000).toFixed(1)} s`);
  }
}
