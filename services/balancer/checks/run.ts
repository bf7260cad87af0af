import type { Server } from '../servers/server.ts';
import type { CheckReport } from '../servers/types.ts';
import { checkLimits } from './limits.ts';
import { externalProgram, pingProgram, runProgram } from './program-check.ts';
import type { RunningCheck } from './running-check.ts';
import { ScriptCheck } from './script-check.ts';
import { stateOf } from './state-field.ts';

/** Starts one check of the server, of the kind that its backend has. */
export function runCheck(server: Server, done: (report: CheckReport) => void): RunningCheck {
  const { checkMethod: method, name: backend, timeouts } = server.backend.config;
  const limits = checkLimits(server.config.check!.inter, timeouts);
  switch (method.kind) {
    case 'script': {
      // A server that is down stays so until it says more than "leave me alone".
      const drains = method.drainOn404 && server.running;
      const options = { limits, drains, backend, state: () => stateOf(server) };
      return new ScriptCheck(server.config, method, options, done).start();
    }
    case 'external': {
      const program = externalProgram(server, method.command, method.path);
      return runProgram(program, limits.connect, done);
    }
    case 'ping':
      return runProgram(pingProgram(server, limits.connect), limits.connect, done);
  }
}
