import { type Loaded, loadTexts } from '../../../../services/balancer/config/load.ts';
import { BalancerConfigError, type Problem } from '../../../../services/balancer/config/problem.ts';
import type { BalancerConfig, ProxyConfig } from '../../../../services/balancer/model.ts';

/** Loads one text with nothing in the environment but `variables`. */
export function read(text: string, variables: Record<string, string> = {}): Promise<Loaded> {
  const overrides = { defaultMaxconn: 1000, logTag: 'test' };
  const source = { name: 'test.cfg', text };
  return loadTexts([source], { environment: variables, overrides });
}

/** The one proxy of that name. */
export function proxyOf(config: BalancerConfig, name: string): ProxyConfig {
  const found = config.proxies.find((proxy) => proxy.name === name);
  if (!found) throw new Error(`no proxy ${name}`);
  return found;
}

/** Every problem of a text, warnings included, whether or not it loads. */
export async function problemsOf(
  text: string,
  variables: Record<string, string> = {},
): Promise<readonly Problem[]> {
  try {
    return (await read(text, variables)).warnings;
  } catch (error) {
    if (error instanceof BalancerConfigError) return error.problems;
    throw error;
  }
}

/** `line:column message` of each alert. */
export async function alertsOf(
  text: string,
  variables?: Record<string, string>,
): Promise<string[]> {
  const problems = await problemsOf(text, variables);
  return problems.flatMap(({ severity, position, message }) =>
    severity === 'alert' ? [`${position?.line}:${position?.column} ${message}`] : [],
  );
}

/** As alertsOf, of warnings. */
export async function warningsOf(text: string): Promise<string[]> {
  const problems = await problemsOf(text);
  return problems.flatMap(({ severity, position, message }) =>
    severity === 'warning' ? [`${position?.line}:${position?.column} ${message}`] : [],
  );
}
