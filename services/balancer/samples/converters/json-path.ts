import { ExpressionError } from '../fetch.ts';
import { bool, int, type Sample, str } from '../sample.ts';

/** A member's name or an element's index. */
export type Step = string | number;

/** `$.a.b[0]['c']`; a backslash before a dot keeps it in the name. Throws ExpressionError. */
export function parseJsonPath(path: string): Step[] {
  if (!path.startsWith('$')) throw new ExpressionError(`invalid json path '${path}'`);
  const steps: Step[] = [];
  const part = /\.((?:\\+.|[^.[\]\\])+)|\[(\d+)\]|\[(['"])(.*?)\3\]/y;
  part.lastIndex = 1;
  while (part.lastIndex < path.length) {
    const found = part.exec(path);
    if (!found) throw new ExpressionError(`invalid json path '${path}'`);
    const [, name, index, , quoted] = found;
    if (index !== undefined) steps.push(Number(index));
    else steps.push(quoted ?? name!.replace(/\\+(.)/g, '$1'));
  }
  return steps;
}

/** The value there as a sample; objects as they would be written, null as nothing. */
export function jsonQuery(
  text: string,
  steps: readonly Step[],
  asInteger: boolean,
): Sample | undefined {
  let value: unknown;
  try {
    value = JSON.parse(Buffer.from(text, 'latin1').toString());
  } catch {
    return undefined;
  }
  for (const step of steps) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, step))
      return undefined;
    value = (value as Record<Step, unknown>)[step];
  }
  if (typeof value === 'boolean') return bool(value);
  if (typeof value === 'string') {
    if (!asInteger) return str(Buffer.from(value).toString('latin1'));
    return /^[+-]?\d{1,18}$/.test(value) ? int(BigInt(value)) : undefined;
  }
  if (typeof value === 'number') {
    if (asInteger || Number.isInteger(value)) return int(Math.trunc(value));
    return str(String(value));
  }
  if (typeof value !== 'object' || value === null) return undefined;
  return str(Buffer.from(JSON.stringify(value)).toString('latin1'));
}
