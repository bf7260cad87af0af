import type { CompileEnvironment } from './fetch.ts';
import type { Sample, SampleType } from './sample.ts';
import type { Scope } from './scope.ts';

/** undefined = the expression yields nothing. */
export type Convert = (sample: Sample, scope: Scope) => Sample | undefined;

export interface Converter {
  /** What it is given: a value is cast before, and the cast may fail. */
  readonly in: SampleType;
  readonly out: SampleType;
  /** In the manual's notation, '' without arguments. */
  readonly usage: string;
  readonly args: readonly [min: number, max: number];
  readonly summary: string;
  /** Throws ExpressionError when the arguments make no sense. */
  make(args: readonly string[], environment: CompileEnvironment): Convert;
}

export type ConverterTable = Readonly<Record<string, Converter>>;

/** A row without arguments over text. */
export const onText = (
  out: SampleType,
  summary: string,
  convert: (text: string) => Sample | undefined,
  input: SampleType = 'str',
): Converter => ({
  in: input,
  out,
  usage: '',
  args: [0, 0],
  summary,
  make: () => (sample) => convert(sample.value as string),
});
