import type { Environment } from './lexer.ts';

export type Expansion = { text: string; error?: undefined } | { error: string };

const VARIABLE = /\$(?:\{([A-Za-z_]\w*)(?:-([^}]*))?\}|([A-Za-z_]\w*))/g;
const UNCLOSED = /\$\{[^}]*$/;

/**
 * Resolves variables in an address, where HAProxy does so even outside of quotes:
 * `${NODE1}:${PORT}`. A default (`${PORT-80}`) is honoured here too.
 */
export function expandAddress(text: string, environment: Environment): Expansion {
  if (!text.includes('$')) return { text };
  if (UNCLOSED.test(text)) return { error: 'unmatched brace in environment variable name' };
  return {
    text: text.replace(
      VARIABLE,
      (_match, braced?: string, fallback?: string, bare?: string) =>
        environment.get(braced ?? bare ?? '') ?? fallback ?? '',
    ),
  };
}
