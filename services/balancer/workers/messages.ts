import type { CommandLine } from '../command/arguments.ts';
import type { PassedCommand } from '../runtime/everywhere.ts';
import type { Reply } from '../runtime/reply.ts';
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
  /** Commands since the files were read, in the order in which they were given. */
  readonly history: readonly PassedCommand[];
}

/** Something to do that is answered once it is done. */
export type Task =
  | { readonly kind: 'command'; readonly command: PassedCommand; readonly memory: SharedMemory }
  /** Reads the files again. */
  | {
      readonly kind: 'reload';
      readonly memory: SharedMemory;
      readonly snapshots: readonly ServerSnapshot[];
    }
  | { readonly kind: 'pause' | 'resume' }
  /** Lets connections finish; `limit` in milliseconds, undefined = however long that takes. */
  | { readonly kind: 'close'; readonly limit: number | undefined };

/** What the first worker tells the others. */
export type Order =
  | { readonly kind: 'task'; readonly id: number; readonly task: Task }
  | { readonly kind: 'snapshots'; readonly snapshots: readonly ServerSnapshot[] }
  | { readonly kind: 'destroy' };

/** What they tell it. */
export type Report =
  | { readonly kind: 'ready' }
  /** It cannot serve, and why. */
  | { readonly kind: 'failed'; readonly code: string | undefined; readonly message: string }
  | { readonly kind: 'done'; readonly id: number; readonly reply: Reply }
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
