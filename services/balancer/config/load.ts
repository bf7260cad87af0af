import type { BalancerConfig } from '../model.ts';
import { build, type Overrides } from './build.ts';
import { finishCaches } from './cache-section.ts';
import { finishRules } from './finish-rules.ts';
import { HostNames } from './host-names.ts';
import { numberAll } from './number.ts';
import { parseSources, type Source } from './parser.ts';
import { BalancerConfigError, type Problem, Problems } from './problem.ts';
import { SharedDefinitions } from './rule-context.ts';
import { loadServerStates } from './server-state.ts';
import { readSources } from './source.ts';
import { finishTls } from './tls/finish.ts';
import { validate } from './validate.ts';
import { validateChecks } from './validate-checks.ts';

export interface LoadOptions {
  /** What `$NAME` stands for; the process' own when not given. */
  environment?: Readonly<Record<string, string | undefined>>;
  overrides: Overrides;
}

export interface Loaded {
  config: BalancerConfig;
  /** Warnings and notices: an alert makes loading fail. */
  warnings: readonly Problem[];
}

/** Loads what `-f` names. Throws BalancerConfigError with every problem that was found. */
export async function loadConfig(paths: readonly string[], options: LoadOptions): Promise<Loaded> {
  const problems = new Problems();
  const sources = readSources(paths, problems);
  return load(sources, problems, options);
}

/** As loadConfig, on texts already at hand. */
export async function loadTexts(sources: readonly Source[], options: LoadOptions): Promise<Loaded> {
  return load(sources, new Problems(), options);
}

async function load(
  sources: readonly Source[],
  problems: Problems,
  { environment = process.env, overrides }: LoadOptions,
): Promise<Loaded> {
  const variables = new Map<string, string>();
  for (const [name, value] of Object.entries(environment)) {
    if (value !== undefined) variables.set(name, value);
  }
  const hostNames = new HostNames();
  const shared = new SharedDefinitions();
  const context = { problems, environment: variables, hostNames, shared };
  const draft = parseSources(sources, context);
  if (!problems.full) {
    numberAll(draft, problems);
    validate(draft, problems);
    finishRules(draft, context);
    finishCaches(context);
    for (const finish of shared.serverResolvers) finish();
    validateChecks(draft, problems);
    loadServerStates(draft, problems);
    finishTls(draft, problems, variables);
    await hostNames.resolve(problems);
  }
  if (draft.global.zeroWarning) problems.refuseWarnings();
  if (problems.alerts > 0) throw new BalancerConfigError(sorted(problems.list, sources));
  const caches = [...shared.caches.values()].map(({ cache }) => cache);
  const config: BalancerConfig = {
    ...build(draft, overrides),
    patterns: shared.patterns,
    caches,
  };
  return { config, warnings: sorted(problems.list, sources) };
}

/** In the order of the lines, whoever found them; those of the whole configuration last. */
function sorted(list: readonly Problem[], sources: readonly Source[]): Problem[] {
  const order = new Map(sources.map(({ name }, index) => [name, index]));
  const fileOf = ({ position }: Problem): number =>
    position ? (order.get(position.file) ?? 0) : sources.length;
  return list.toSorted(
    (a, b) =>
      fileOf(a) - fileOf(b) ||
      (a.position?.line ?? 0) - (b.position?.line ?? 0) ||
      (a.position?.column ?? 0) - (b.position?.column ?? 0),
  );
}
