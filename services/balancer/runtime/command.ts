import type { Level } from './config.ts';
import type { RuntimeHost } from './host.ts';
import type { Reply, SeverityOutput } from './reply.ts';

/** What a session keeps from one command to the next. */
export interface SessionSettings {
  level: Level;
  /** How long it may be silent, milliseconds. */
  timeout: number;
  interactive: boolean;
  severityOutput: SeverityOutput;
}

/** One call of a command. */
export interface Call {
  readonly host: RuntimeHost;
  readonly session: SessionSettings;
  /** The words behind the command's own; '' for one that is not there. */
  word(index: number): string;
  readonly words: readonly string[];
  /** What followed `<<`, up to the empty line. */
  readonly payload: string | undefined;
}

export interface Command {
  /** Its words, all of which have to be there. */
  readonly name: string;
  /** What `help` shows: left the call, right the sense. */
  readonly usage: string;
  readonly summary: string;
  /** Least level (default `user`). */
  readonly level?: Level;
  /**
   * What other workers of the process have to do with it; none where it is left out. `each`: they
   * have to do the same, and so has who joins them later. `each-now`: who is there has to do it.
   * `gather`: what they answer belongs to the answer. `first`: one of them may know what this one
   * does not.
   */
  readonly workers?: 'each' | 'each-now' | 'gather' | 'first';
  /** Not listed. */
  readonly hidden?: boolean;
  run(call: Call): Reply | Promise<Reply>;
}

export type CommandTable = readonly Command[];
