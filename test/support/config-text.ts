/** Sections with these lines in them. */
export const listen = (...lines: string[]): string =>
  ['listen x', ' bind 127.0.0.1:8080', ...lines.map((line) => ` ${line}`), ''].join('\n');
export const backend = (...lines: string[]): string =>
  ['backend x', ...lines.map((line) => ` ${line}`), ''].join('\n');
export const defaults = (...lines: string[]): string =>
  ['defaults', ...lines.map((line) => ` ${line}`), ''].join('\n');
export const globals = (...lines: string[]): string =>
  ['global', ...lines.map((line) => ` ${line}`), ''].join('\n');
