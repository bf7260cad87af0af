import type { AgentConfig } from '../servers/health-config.ts';
import type { Server } from '../servers/server.ts';
import type { AgentReport } from '../servers/types.ts';
import { obeyAgent } from './agent-answer.ts';
import { checkLimits } from './limits.ts';
import type { RunningCheck } from './running-check.ts';
import { type Script, ScriptCheck } from './script-check.ts';
import { connectStep, expectStep, numbered, type ProtocolVerdict, sendStep } from './steps.ts';

/** Asks the server's agent once (manual, `agent-check`), and does what it says. */
export function askAgent(
  server: Server,
  { host, port, inter, send }: AgentConfig,
  done: (report: AgentReport) => void,
): RunningCheck {
  let line: string | undefined;
  const judge = (input: Buffer): ProtocolVerdict => {
    const end = input.findIndex((byte) => byte === 0x0a || byte === 0x0d);
    // Also behind the server's FIN: half a line is no answer, and the time for one runs out.
    if (end < 0) return 'wait';
    line = input.toString('latin1', 0, end);
    return { status: 'L7OK' };
  };
  const addr = host ?? server.config.check?.addr ?? server.config.host;
  const script: Script = {
    kind: 'script',
    protocol: 'other',
    drainOn404: false,
    steps: numbered([
      connectStep({ addr, port }),
      ...(send === '' ? [] : [sendStep(Buffer.from(send))]),
      expectStep({ kind: 'protocol', judge }),
    ]),
  };
  const options = {
    limits: checkLimits(inter, server.backend.config.timeouts),
    drains: false,
    backend: server.backend.config.name,
  };
  return new ScriptCheck(server.config, script, options, (report) => {
    const { duration = 0 } = report;
    done(line === undefined ? report : { ...obeyAgent(server, line), duration });
  }).start();
}
