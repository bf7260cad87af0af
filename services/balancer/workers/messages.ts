import type { CommandLine } from '../command/arguments.ts';
import type { Level } from '../runtime/config.ts';
import type { ServerSnapshot } from '../servers/snapshot.ts';
import type { TableMemory } from '../stickiness/table/shared-memory.ts';

/** Memory that all workers see, by what it is about. */
export interface SharedMemory {
  readonly scopes: ReadonlyMap<string, SharedArrayBuffer>;
  readonly tables: ReadonlyMap<string, TableMemory>;
}

/** What a worker is born with. */
export interface WorkerData {
  readonly line: CommandLine;
  /** Counts from 0, which is the first. */
  readonly worker: number;
  readonly workers: number;
  /** Name of the channel on which workers wake each other. */
  readonly channel: string;
  readonly memory: SharedMemory;
  readonly snapshots: readonly ServerSnapshot[];
  /** Changes since the files were read, in the order in which they were made. */
  readonly history: readonly CommandOrder[];
}

/** A command of the runtime socket that changes what every worker has of its own. */
export interface CommandOrder {
  readonly words: readonly string[];
  readonly payload: string | undefined;
  readonly level: Level;
}

/** What the first worker tells the others. Each order with an `id` is answered. */
export type Order =
  | {
      readonly kind: 'command';
      readonly id: number;
      readonly order: CommandOrder;
      readonly memory: SharedMemory;
    }
  | {
      readonly kind: 'reload';
      readonly id: number;
      readonly memory: SharedMemory;
      readonly snapshots: readonly ServerSnapshot[];
    }
  | { readonly kind: 'snapshots'; readonly snapshots: readonly ServerSnapshot[] }
  | { readonly kind: 'pause' | 'resume' | 'finish' | 'close' | 'destroy'; readonly id: number };

/** What they tell it. */
export type Report =
  | { readonly kind: 'ready' }
  /** It cannot serve, and why. */
  | { readonly kind: 'failed'; readonly code: string | undefined; readonly message: string }
  | { readonly kind: 'answer'; readonly id: number; readonly text: string; readonly error: boolean }
  | { readonly kind: 'suspect'; readonly server: ServerName; readonly info: string }
  /** A form of the statistics page. */
  | { readonly kind: 'form'; readonly form: string };

export interface ServerName {
  readonly backend: string;
  readonly server: string;
}

/** What workers call to each other: a place on this server is for you. */
export interface Ring {
  readonly to: number;
  /** undefined = there is room for a connection that is held. */
  readonly server: ServerName | undefined;
  readonly hops: number;
}
