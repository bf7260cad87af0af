import type { Sample } from './sample.ts';

export const VARIABLE_SCOPES = ['proc', 'sess', 'txn', 'req', 'res'] as const;
export type VariableScope = (typeof VARIABLE_SCOPES)[number];

/** Where a variable lives and what it is called there: `txn.name` (manual, `set-var`). */
export interface VariableName {
  readonly scope: VariableScope;
  readonly name: string;
}

/** Most that the variables of one scope may hold, in bytes, so that no client can fill memory. */
const MAX_SIZE = 1 << 20;
const ENTRY = 64;

/** The variables of one scope. */
export class Variables {
  readonly #values = new Map<string, Sample>();
  #size = 0;

  get(name: string): Sample | undefined {
    return this.#values.get(name);
  }

  /** False when there is no room for it. */
  set(name: string, value: Sample): boolean {
    this.delete(name);
    const size = ENTRY + sizeOf(value);
    if (this.#size + size > MAX_SIZE) return false;
    this.#size += size;
    this.#values.set(name, value);
    return true;
  }

  delete(name: string): void {
    const known = this.#values.get(name);
    if (!known) return;
    this.#size -= ENTRY + sizeOf(known);
    this.#values.delete(name);
  }
}

function sizeOf({ value }: Sample): number {
  return typeof value === 'string' || value instanceof Uint8Array ? value.length : 8;
}

/** Of the process; outlives reloads. */
export const PROCESS_VARIABLES = new Variables();

/** What is wrong with a variable's name, or the name. */
export function parseVariable(text: string): VariableName | { error: string } {
  const dot = text.indexOf('.');
  const scope = VARIABLE_SCOPES.find((known) => known === text.slice(0, Math.max(dot, 0)));
  if (!scope) {
    return {
      error: `invalid variable name '${text}'. A variable name must be start by its scope. The scope can be 'proc', 'sess', 'txn', 'req', 'res' or 'check'`,
    };
  }
  const name = text.slice(dot + 1);
  if (!/^[A-Za-z0-9_.]+$/.test(name)) {
    return {
      error: `invalid variable name '${text}'. The variable name must contain only 'a'-'z', 'A'-'Z', '0'-'9', '.' and '_'`,
    };
  }
  return { scope, name };
}
