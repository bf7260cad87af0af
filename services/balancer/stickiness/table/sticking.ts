import type { Position } from '../../model.ts';
import type { Condition } from '../../rules/condition.ts';
import type { Expression } from '../../samples/compile.ts';
import type { Scope } from '../../samples/scope.ts';
import type { Backend } from '../../servers/backend.ts';
import type { Server } from '../../servers/server.ts';
import { keyOf } from './key.ts';
import type { StickTable } from './table.ts';

/** One `stick` line. */
export interface StickRule {
  /** Leads a request whose key is known to its server. */
  readonly match: boolean;
  /** Remembers the server, under a key that the request or the response shows. */
  readonly store: 'request' | 'response' | undefined;
  readonly expression: Expression;
  readonly table: string;
  readonly when: Condition | undefined;
  readonly position: Position;
}

/** HAProxy remembers so many keys of one request. */
const MAX_STORES = 8;

/** What `stick` rules have to do with one session: which server it belongs to, and what to keep. */
export class Sticking {
  /** The server that a table names, where it can be had. */
  readonly wanted: Server | undefined;
  readonly #rules: readonly StickRule[];
  readonly #stores: { table: StickTable; key: string }[] = [];

  /** `persist`: a server that is down is good enough. `assigned`: another rule found a server. */
  constructor(
    rules: readonly StickRule[],
    scope: Scope,
    backend: Backend,
    { persist, assigned }: { persist: boolean; assigned: boolean },
  ) {
    this.#rules = rules;
    for (const rule of rules) {
      if (rule.store === 'response' || (rule.when && !rule.when(scope))) continue;
      const found = keyAt(rule, scope);
      if (!found) continue;
      if (rule.match && !assigned && !this.wanted) {
        this.wanted = serverOf(found.table, found.key, backend, persist);
      }
      if (rule.match) touch(found.table, found.key);
      if (rule.store && this.#stores.length < MAX_STORES) this.#stores.push(found);
    }
  }

  /** A server has answered: remembers it. */
  served(scope: Scope, server: Server): void {
    for (const rule of this.#rules) {
      if (rule.store !== 'response' || (rule.when && !rule.when(scope))) continue;
      const found = keyAt(rule, scope);
      if (found && this.#stores.length < MAX_STORES) this.#stores.push(found);
    }
    const stores = server.config.nonStick ? [] : this.#stores;
    for (const { table, key } of stores) {
      const entry = table.get(key);
      if (!entry) continue;
      table.set(entry, 'server_id', server.config.id);
      entry.serverKey = server.config.name;
      table.touch(entry);
    }
    this.#stores.length = 0;
  }
}

function keyAt(rule: StickRule, scope: Scope): { table: StickTable; key: string } | undefined {
  const table = scope.directory?.table?.(rule.table);
  const sample = table && rule.expression.evaluate(scope);
  const key = sample && keyOf(table.config, sample);
  return key === undefined ? undefined : { table: table!, key };
}

function touch(table: StickTable, key: string): void {
  const entry = table.find(key);
  if (entry) table.touch(entry);
}

/** By name first, which outlives a change of numbers; then by number. */
function serverOf(
  table: StickTable,
  key: string,
  backend: Backend,
  persist: boolean,
): Server | undefined {
  const entry = table.find(key);
  if (!entry) return undefined;
  const id = table.read(entry, 'server_id');
  const server =
    backend.servers.find(({ config }) => config.name === entry.serverKey) ??
    backend.servers.find(({ config }) => config.id === id);
  return server && (server.running || persist) ? server : undefined;
}
