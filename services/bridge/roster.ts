import { isDeepStrictEqual } from 'node:util';
import { describeError } from '#core/errors.ts';
import type { Logger } from '#core/log.ts';

interface Named {
  readonly name: string;
}

interface Member<M extends Named> {
  readonly mapping: M;
  start(): void;
  close(): Promise<void>;
}

/** What runs for each mapping of one kind; a mapping that has changed ends and begins again. */
export class Roster<M extends Named, T extends Member<M>> {
  readonly #members = new Map<string, T>();
  readonly #ending = new Map<string, Promise<void>>();
  readonly #log: Logger;
  #make: ((mapping: M) => T) | undefined;
  #wanted: readonly M[] = [];

  constructor(log: Logger) {
    this.#log = log;
  }

  get members(): Iterable<T> {
    return this.#members.values();
  }

  get size(): number {
    return this.#members.size;
  }

  get(name: string): T | undefined {
    return this.#members.get(name);
  }

  /** `restart`: also what has not changed begins again, since something that it stands on has. */
  set(wanted: readonly M[], make: (mapping: M) => T, restart: boolean): void {
    this.#wanted = wanted;
    this.#make = make;
    for (const [name, member] of this.#members) {
      const now = wanted.find((mapping) => mapping.name === name);
      if (restart || !isDeepStrictEqual(now, member.mapping)) this.#end(name, member);
    }
    for (const mapping of wanted) this.#begin(mapping.name);
  }

  /** Resolves when all have ended. */
  async close(): Promise<void> {
    this.#wanted = [];
    for (const [name, member] of this.#members) this.#end(name, member);
    await Promise.all(this.#ending.values());
  }

  #begin(name: string): void {
    if (this.#members.has(name) || this.#ending.has(name)) return;
    const mapping = this.#wanted.find((one) => one.name === name);
    const make = this.#make;
    if (mapping === undefined || make === undefined) return;
    const member = make(mapping);
    this.#members.set(name, member);
    member.start();
  }

  #end(name: string, member: T): void {
    this.#members.delete(name);
    const ended = member
      .close()
      .catch((error: unknown) => {
        this.#log.warn({ mapping: name }, `while ending: ${describeError(error)}`);
      })
      .finally(() => {
        this.#ending.delete(name);
        this.#begin(name);
      });
    this.#ending.set(name, ended);
  }
}
