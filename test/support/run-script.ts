import { type Script, ScriptCheck } from '../../services/balancer/checks/script-check.ts';
import type { CheckMethod } from '../../services/balancer/checks/steps.ts';
import type { ServerConfig } from '../../services/balancer/model.ts';
import type { CheckReport } from '../../services/balancer/servers/types.ts';
import { checkConfig, serverConfig } from './balancer-config.ts';

/** Runs a check once against a port of this machine. */
export function runScript(
  method: CheckMethod,
  port: number,
  { limit = 1000, server = {} }: { limit?: number; server?: Partial<ServerConfig> } = {},
): Promise<CheckReport> {
  if (method.kind !== 'script') throw new TypeError('no script');
  const script: Script = method;
  const config = serverConfig({ port, check: checkConfig(), ...server });
  const limits = { connect: limit, answer: limit };
  return new Promise((resolve) => {
    new ScriptCheck(config, script, { limits, drains: false, backend: 'b' }, resolve).start();
  });
}
