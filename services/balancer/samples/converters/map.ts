import type { Converter, ConverterTable } from '../converter.ts';
import { type CompileEnvironment, ExpressionError } from '../fetch.ts';
import { parseIp } from '../ip.ts';
import { type MatchMethod, PatternSet } from '../patterns.ts';
import { compileRegex, expand } from '../regex.ts';
import { address, int, optional, type Sample, str } from '../sample.ts';

const METHODS: readonly MatchMethod[] = [
  'str',
  'beg',
  'sub',
  'dir',
  'dom',
  'end',
  'reg',
  'int',
  'ip',
];
const OUTPUTS = ['str', 'int', 'ip'] as const;
type Output = (typeof OUTPUTS)[number];

function sampleOf(text: string, output: Output): Sample {
  if (output === 'str') return str(text);
  if (output === 'int') {
    if (!/^-?\d{1,19}$/.test(text)) throw new ExpressionError(`'${text}' is not a number`);
    return int(BigInt(text));
  }
  const bytes = parseIp(text);
  if (!bytes) throw new ExpressionError(`'${text}' is not an address`);
  return address(bytes);
}

/** Keys and values of a map file: a line each, the key up to the first blank, `#` comments. */
export function readMap(lines: readonly string[]): [key: string, value: string][] {
  return lines.flatMap((raw) => {
    const line = raw.replace(/^[ \t]+|[ \t\r]+$/g, '');
    if (line === '' || line.startsWith('#')) return [];
    const [, key = '', value = ''] = /^(\S+)[ \t]*(.*)$/.exec(line) ?? [];
    return [[key, value]];
  });
}

function map(method: MatchMethod, output: Output): Converter {
  const probe = new PatternSet<Sample>(method, false);
  return {
    in: probe.input,
    out: output === 'int' ? 'sint' : output === 'ip' ? 'addr' : 'str',
    usage: '<map_file>[,<default_value>]',
    args: [1, 2],
    summary: `the value that a file gives for it, keys matched as \`${method}\``,
    make: ([path = '', otherwise], environment) => {
      const patterns = new PatternSet<Sample>(method, false);
      const add = (key: string, value = ''): void => patterns.add(key, sampleOf(value, output));
      const rows = readMap(linesOf(path, environment));
      for (const [key, value] of rows) add(key, value);
      const { file, line } = environment.position ?? { file: '', line: 0 };
      const description = `pattern loaded from file '${path}' used by map at file '${file}' line ${line}`;
      environment.patterns?.list('map', path, description).load({ set: patterns, add }, rows);
      const fallback = otherwise === undefined ? undefined : sampleOf(otherwise, output);
      return (sample) => patterns.find(sample) ?? fallback;
    },
  };
}

/** As `map_reg`, with `\1` and the like in the value standing for the pattern's groups. */
const regexMap: Converter = {
  in: 'str',
  out: 'str',
  usage: '<map_file>[,<default_value>]',
  args: [1, 2],
  summary: "the value that a file gives for it, with the pattern's groups filled in",
  make: ([path = '', otherwise], environment) => {
    const rows = readMap(linesOf(path, environment)).map(
      ([key, value]) => [compileRegex(key), value] as const,
    );
    return (sample) => {
      for (const [regex, value] of rows) {
        const match = regex.exec(sample.value as string);
        if (match) return str(expand(value, match));
      }
      return optional(otherwise, str);
    };
  },
};

function linesOf(path: string, environment: CompileEnvironment): string[] {
  try {
    return environment.readLines?.(path) ?? [];
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new ExpressionError(`failed to open pattern file <${path}> (${why})`);
  }
}

/** `map`, `map_<match>` and `map_<match>_<output>`: HAProxy 2.6 manual, section 7.3.1. */
export const MAP_CONVERTERS: ConverterTable = {
  map: map('str', 'str'),
  ...Object.fromEntries(
    METHODS.flatMap((method) => [
      [`map_${method}`, map(method, 'str')],
      ...OUTPUTS.map((output) => [`map_${method}_${output}`, map(method, output)]),
    ]),
  ),
  map_regm: regexMap,
};
