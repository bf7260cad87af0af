import { readFileSync } from 'node:fs';
import { type Document, isMap, isScalar, LineCounter, type Node, parseDocument, visit } from 'yaml';
import type { z } from 'zod';
import { BrambleError, describeError, ERROR_CODES, systemCode } from '../errors.ts';
import { nearest } from './nearest.ts';

/** One thing that is wrong with a file, and where. Line and column count from 1. */
export interface ConfigProblem {
  file: string;
  line: number;
  column: number;
  message: string;
}

/** Everything that is wrong with a file, in the order of its lines. */
export class ConfigError extends BrambleError {
  readonly problems: readonly ConfigProblem[];

  constructor(problems: readonly ConfigProblem[], cause?: unknown) {
    const text = problems.map((p) => `${p.file}:${p.line}:${p.column}: ${p.message}`).join('\n');
    super(ERROR_CODES.CONFIG_INVALID, text, cause === undefined ? {} : { cause });
    this.name = 'ConfigError';
    this.problems = problems;
  }
}

type Path = readonly PropertyKey[];

/** Reads, parses and validates a YAML file. Throws ConfigError with every problem found. */
export function loadYamlFile<S extends z.ZodType>(file: string, schema: S): z.output<S> {
  return parseYaml(readText(file), file, schema);
}

function readText(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (cause) {
    const why = systemCode(cause) === 'ENOENT' ? 'no such file' : 'cannot be read';
    throw new ConfigError([{ file, line: 1, column: 1, message: why }], cause);
  }
}

/** As loadYamlFile, on text already at hand; `file` is the name that errors carry. */
export function parseYaml<S extends z.ZodType>(text: string, file: string, schema: S): z.output<S> {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
  const at = (offset: number, message: string): ConfigProblem => {
    const { line, col } = lines.linePos(offset);
    return { file, line: Math.max(line, 1), column: Math.max(col, 1), message };
  };

  if (document.errors.length > 0) {
    throw new ConfigError(document.errors.map((e) => at(e.pos[0], e.message)));
  }
  const result = schema.safeParse(plainValue(document, at));
  if (result.success) return result.data;

  const problems = result.error.issues.flatMap((issue) => {
    if (issue.code !== 'unrecognized_keys') {
      const offset = offsetOf(document.contents, issue.path);
      return [at(offset, `${dotted(issue.path)}: ${issue.message}`)];
    }
    return issue.keys.map((key) => {
      const offset = offsetOf(document.contents, [...issue.path, key], true);
      const guess = nearest(key, knownKeys(schema, issue.path));
      const hint = guess === undefined ? '' : `; did you mean "${guess}"?`;
      return at(offset, `unknown key "${dotted([...issue.path, key])}"${hint}`);
    });
  });
  problems.sort((a, b) => a.line - b.line || a.column - b.column);
  throw new ConfigError(problems);
}

/**
 * A function that tells where in a text the value at a path stands, for advice on a file that is
 * valid already.
 */
export function locator(
  text: string,
  file: string,
): (path: Path, message: string) => ConfigProblem {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
  return (path, message) => {
    const { line, col } = lines.linePos(offsetOf(document.contents, path));
    return { file, line: Math.max(line, 1), column: Math.max(col, 1), message };
  };
}

/** The document as plain values. An alias without its anchor, or a bomb of them, is a problem too. */
function plainValue(
  document: Document,
  at: (offset: number, message: string) => ConfigProblem,
): unknown {
  try {
    return document.toJS() ?? {};
  } catch (cause) {
    let offset = 0;
    visit(document, {
      Alias(_key, alias) {
        if (alias.resolve(document) !== undefined) return undefined;
        offset = alias.range?.[0] ?? 0;
        return visit.BREAK;
      },
    });
    throw new ConfigError([at(offset, describeError(cause))], cause);
  }
}

function dotted(path: Path): string {
  return path.length === 0 ? 'the file' : path.map(String).join('.');
}

/** Where in the text the value at `path` stands (or its key), or its nearest ancestor that does. */
function offsetOf(root: unknown, path: Path, key = false): number {
  let node = root as Node | null;
  let offset = node?.range?.[0] ?? 0;
  for (const [depth, step] of path.entries()) {
    if (isMap(node)) {
      const pair = node.items.find((item) => isScalar(item.key) && item.key.value === step);
      if (!pair) return offset;
      const last = depth === path.length - 1;
      const target = (last && key) || !pair.value ? pair.key : pair.value;
      offset = (target as Node).range?.[0] ?? offset;
      node = pair.value as Node | null;
    } else {
      node = ((node as { items?: Node[] } | null)?.items?.[Number(step)] ?? null) as Node | null;
      offset = node?.range?.[0] ?? offset;
    }
  }
  return offset;
}

/** The keys that the schema knows at `path`, for the suggestion beside an unknown one. */
function knownKeys(schema: z.ZodType, path: Path): string[] {
  let current: unknown = schema;
  for (const step of [...path, undefined]) {
    current = unwrap(current);
    if (step === undefined) break;
    const { shape, element } = current as {
      shape?: Record<PropertyKey, unknown>;
      element?: unknown;
    };
    current = shape?.[step] ?? element;
  }
  return Object.keys((current as { shape?: object } | undefined)?.shape ?? {});
}

/** Peels optional, default and effect wrappers off a schema. */
function unwrap(schema: unknown): unknown {
  let current = schema as { def?: { innerType?: unknown; in?: unknown } } | undefined;
  for (;;) {
    const inner = current?.def?.innerType ?? current?.def?.in;
    if (inner === undefined) return current;
    current = inner as typeof current;
  }
}
