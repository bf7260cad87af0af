import { BrambleError, ERROR_CODES } from '#core/errors.ts';
import type { Position } from '../model.ts';

/** `alert` makes the configuration unusable, the others do not. HAProxy's words. */
export type Severity = 'alert' | 'warning' | 'notice';

export interface Problem {
  severity: Severity;
  /** undefined where the whole configuration is meant. */
  position: Position | undefined;
  message: string;
  /** Further lines, shown below. */
  detail?: readonly string[];
}

/** So that a file of garbage does not scroll its first error away. HAProxy's limit. */
const MAX_ALERTS = 50;

/** Everything that is wrong with a configuration, collected while it is read. */
export class Problems {
  readonly list: Problem[] = [];
  #alerts = 0;

  get alerts(): number {
    return this.#alerts;
  }

  /** True when reading on would only bury what was found. */
  get full(): boolean {
    return this.#alerts > MAX_ALERTS;
  }

  alert(position: Position | undefined, message: string, detail?: readonly string[]): void {
    this.#alerts++;
    if (this.#alerts > MAX_ALERTS + 1) return;
    if (this.#alerts === MAX_ALERTS + 1) {
      const where = position && { ...position, column: 0 };
      const text = `too many fatal errors (${MAX_ALERTS}), stopping now.`;
      this.list.push({ severity: 'alert', position: where, message: text });
      return;
    }
    this.list.push({ severity: 'alert', position, message, ...(detail && { detail }) });
  }

  warn(position: Position | undefined, message: string, detail?: readonly string[]): void {
    this.list.push({ severity: 'warning', position, message, ...(detail && { detail }) });
  }

  /** `zero-warning`: with a warning the configuration is unusable. */
  refuseWarnings(): void {
    if (!this.list.some(({ severity }) => severity === 'warning')) return;
    this.alert(undefined, "Some warnings were found and 'zero-warning' is set. Aborting.");
  }

  /** Something that the files say themselves. */
  notice(position: Position, message: string): void {
    this.list.push({ severity: 'notice', position, message });
  }
}

/** `file:line:column`, or `file:line` where a whole line is meant. */
export function formatPosition({ file, line, column }: Position): string {
  return column > 0 ? `${file}:${line}:${column}` : `${file}:${line}`;
}

/** The problem as HAProxy words it, after the `[ALERT] (pid) : ` that the console adds. */
export function formatProblem({ position, message, detail = [] }: Problem): string {
  const where = position ? `parsing [${formatPosition(position)}] : ` : '';
  return [`config : ${where}${message}`, ...detail].join('\n   | ');
}

/** A configuration with at least one alert. Its message has a line for each of them. */
export class BalancerConfigError extends BrambleError {
  readonly problems: readonly Problem[];

  constructor(problems: readonly Problem[]) {
    const alerts = problems.filter((problem) => problem.severity === 'alert');
    super(ERROR_CODES.CONFIG_INVALID, alerts.map(formatProblem).join('\n'));
    this.name = 'BalancerConfigError';
    this.problems = problems;
  }
}
