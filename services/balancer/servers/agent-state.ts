import type { AgentReport, CheckStatus } from './types.ts';

/** What is known from a server's agent. Like HAProxy's it starts as one that is up. */
export class AgentState {
  up = true;
  status: CheckStatus = 'INI';
  /** Milliseconds; undefined = never asked. */
  duration: number | undefined;
  code: number | undefined;
  info: string | undefined;
  /** Of the last report, for the log. */
  passed = true;

  /** Takes the report in; true when it is other than the one before. */
  take({ status, duration, code, info, up }: AgentReport): boolean {
    const changed = status !== this.status || (up !== undefined && up !== this.up);
    this.status = status;
    this.duration = duration;
    this.code = code;
    this.info = info;
    this.passed = up ?? status === 'CHECKED';
    // Not being able to ask it says nothing of the server.
    this.up = up ?? this.up;
    return changed;
  }
}
