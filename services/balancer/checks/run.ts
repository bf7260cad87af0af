import type { Server } from '../servers/server.ts';
import type { CheckReport } from '../servers/types.ts';
import type { RunningCheck } from './running-check.ts';
import { ScriptCheck } from './script-check.ts';
import { stateOf } from './state-field.ts';

/** Starts one check of the server, of the kind that its backend has. */
export function runCheck(server: Server, done: (report: CheckReport) => void): RunningCheck {
  const { checkMethod: method, name } = server.backend.config;
  const check = server.config.check!;
  const { check: timeout, connect } = server.backend.config.timeouts;
  const limits = {
    // Manual, `timeout check`: where it is set, a connection has the shorter of `timeout connect`
    // and `inter`; else `inter` is for all of the check.
    connect:
      timeout === undefined || connect === undefined ? check.inter : Math.min(check.inter, connect),
    answer: Math.max(check.inter, timeout ?? 0),
  };
  switch (method.kind) {
    case 'script': {
      // A server that is down stays so until it says more than "leave me alone".
      const drains = method.drainOn404 && server.running;
      const state = (): string => stateOf(server);
      return new ScriptCheck(
        server.config,
        method,
        { limits, drains, backend: name, state },
        done,
      ).start();
    }
    default:
      throw new TypeError(`no check of kind ${method.kind}`);
  }
}
