import { BroadcastChannel } from 'node:worker_threads';
import { bindScope } from '../listeners/entrance.ts';
import type { BalancerConfig } from '../model.ts';
import type { Counters } from '../servers/counters.ts';
import type { Server } from '../servers/server.ts';
import { type Places, type ScopeName, type Sharing, serverScope } from '../servers/sharing.ts';
import type { StickTableConfig } from '../stickiness/table/config.ts';
import { Layout } from '../stickiness/table/layout.ts';
import { allocateTable, type TableMemory } from '../stickiness/table/shared-memory.ts';
import type { Ring, SharedMemory } from './messages.ts';
import { allocateScope, Scope } from './scope.ts';

type Channel = Omit<InstanceType<typeof BroadcastChannel>, 'onmessage'> & {
  onmessage: (event: { data: Ring }) => void;
};

export interface SharedStateOptions {
  /** Counts from 0. */
  readonly worker: number;
  readonly workers: number;
  readonly channel: string;
  readonly memory?: SharedMemory;
  readonly suspect?: (server: Server, info: string) => void;
  readonly changed?: (server: Server) => void;
}

/** One worker's hold on what all of them have in common. */
export class SharedState implements Sharing {
  readonly worker: number;
  readonly workers: number;
  readonly suspect: ((server: Server, info: string) => void) | undefined;
  readonly changed: ((server: Server) => void) | undefined;
  readonly #memory = {
    scopes: new Map<string, SharedArrayBuffer>(),
    tables: new Map<string, TableMemory>(),
  };
  readonly #scopes = new Map<string, Scope>();
  readonly #channelName: string;
  #channel: Channel | undefined;
  #onRing: (ring: Ring) => void = () => undefined;

  constructor({ worker, workers, channel, memory, suspect, changed }: SharedStateOptions) {
    this.worker = worker;
    this.workers = workers;
    this.suspect = suspect;
    this.changed = changed;
    this.#channelName = channel;
    if (memory) this.add(memory);
  }

  /** Listens to the others. */
  start(onRing: (ring: Ring) => void): void {
    this.#onRing = onRing;
    const channel = new BroadcastChannel(this.#channelName) as unknown as Channel;
    channel.unref();
    channel.onmessage = ({ data: ring }) => {
      if (ring.to === this.worker || ring.to === EVERYBODY) this.#onRing(ring);
    };
    this.#channel = channel;
  }

  close(): void {
    this.#channel?.close();
    this.#channel = undefined;
  }

  /** All memory that there is; the first worker's is what the others get. */
  get memory(): SharedMemory {
    return this.#memory;
  }

  /** Memory that somebody else has made. */
  add({ scopes, tables }: SharedMemory): void {
    for (const [name, memory] of scopes) this.#memory.scopes.set(name, memory);
    for (const [name, memory] of tables) this.#memory.tables.set(name, memory);
  }

  counters(name: ScopeName): Counters {
    return this.#scope(name).counters;
  }

  places(name: ScopeName): Places {
    return this.#scope(name);
  }

  errors(name: ScopeName): Int32Array {
    return this.#scope(name).errors;
  }

  /** Of the table of that name, as long as it is one of that kind. */
  table(config: StickTableConfig): TableMemory {
    const key = shapeOf(config);
    let memory = this.#memory.tables.get(key);
    if (!memory) {
      memory = allocateTable(config, new Layout(config.store).width, this.workers);
      this.#memory.tables.set(key, memory);
    }
    return memory;
  }

  ring(worker: number, { backend, config }: Server, hops: number): void {
    const server = { backend: backend.config.name, server: config.name };
    this.#channel?.postMessage({ to: worker, server, hops } satisfies Ring);
  }

  /** Says to the others that there is room for connections that are held. */
  ringForAdmission(): void {
    this.#channel?.postMessage({ to: EVERYBODY, server: undefined, hops: 0 } satisfies Ring);
  }

  /** A worker is gone: what it held is free. */
  forget(worker: number): void {
    for (const scope of this.#scopes.values()) scope.forget(worker);
  }

  /** Lets go of what a configuration does not have any more. */
  retain({ scopes, tables }: SharedMemory): void {
    for (const name of this.#memory.scopes.keys()) {
      if (scopes.has(name)) continue;
      this.#memory.scopes.delete(name);
      this.#scopes.delete(name);
    }
    for (const name of this.#memory.tables.keys()) {
      if (!tables.has(name)) this.#memory.tables.delete(name);
    }
  }

  /** The memory of this configuration alone. */
  memoryOf({ proxies }: BalancerConfig): SharedMemory {
    const names = new Set<string>(['process']);
    const shapes = new Set<string>();
    for (const { name, servers, stickTable, binds } of proxies) {
      names.add(`frontend ${name}`).add(`backend ${name}`);
      for (const bind of binds) names.add(bindScope(name, bind));
      for (const server of servers) names.add(serverScope(name, server.name));
      if (stickTable) shapes.add(shapeOf(stickTable));
    }
    const { scopes, tables } = this.#memory;
    return {
      scopes: new Map([...scopes].filter(([name]) => names.has(name))),
      tables: new Map([...tables].filter(([name]) => shapes.has(name))),
    };
  }

  #scope(name: ScopeName): Scope {
    let scope = this.#scopes.get(name);
    if (scope) return scope;
    let memory = this.#memory.scopes.get(name);
    if (!memory) {
      memory = allocateScope(this.workers);
      this.#memory.scopes.set(name, memory);
    }
    scope = new Scope(memory, this.worker);
    this.#scopes.set(name, scope);
    return scope;
  }
}

const EVERYBODY = -1;

/** Tables that agree here are one. */
const shapeOf = ({ position: _position, ...shape }: StickTableConfig): string =>
  JSON.stringify(shape);
