/** A place in a template that is filled in for each message. */
export interface Placeholder {
  name: string;
  /** What follows the name: levels of a topic, fields of a JSON document, a header's name. */
  path: readonly string[];
}

/** Literal text and placeholders, in their order. */
export type Template = readonly (string | Placeholder)[];

/**
 * What a placeholder of a template may be called, and what may follow its name: nothing, the number
 * of a level (from 1), or the names of fields.
 */
export type PlaceholderRules = Readonly<Record<string, 'plain' | 'level' | 'fields'>>;

export class TemplateError extends Error {
  /** In the template's text, from 1. */
  readonly column: number;

  constructor(message: string, column: number) {
    super(`character ${column}: ${message}`);
    this.column = column;
  }
}

const NAME = /^[A-Za-z][A-Za-z0-9]*$/;

/**
 * Parses a template such as `plant.${topic.2}.${payload.device.id}`; `$$` is a dollar sign.
 * Throws TemplateError.
 */
export function parseTemplate(text: string, rules: PlaceholderRules): Template {
  const parts: (string | Placeholder)[] = [];
  let literal = '';
  let at = 0;
  while (at < text.length) {
    const dollar = text.indexOf('$', at);
    if (dollar < 0) break;
    literal += text.slice(at, dollar);
    const next = text[dollar + 1];
    if (next === '$') {
      literal += '$';
      at = dollar + 2;
      continue;
    }
    if (next !== '{') throw new TemplateError('a "$" alone; write $$ for the sign', dollar + 1);
    const end = text.indexOf('}', dollar);
    if (end < 0) throw new TemplateError('an opening brace without its closing one', dollar + 1);
    if (literal !== '') parts.push(literal);
    literal = '';
    parts.push(placeholder(text.slice(dollar + 2, end), dollar + 3, rules));
    at = end + 1;
  }
  literal += text.slice(at);
  if (literal !== '') parts.push(literal);
  return parts;
}

/** Whether the template needs a placeholder of that name. */
export function uses(template: Template, name: string): boolean {
  return template.some((part) => typeof part !== 'string' && part.name === name);
}

function placeholder(inner: string, column: number, rules: PlaceholderRules): Placeholder {
  const [name = '', ...path] = inner.split('.');
  const rule = Object.hasOwn(rules, name) ? rules[name] : undefined;
  if (!NAME.test(name) || rule === undefined) {
    throw new TemplateError(`"${name}" is none of ${Object.keys(rules).join(', ')}`, column);
  }
  if (rule === 'plain' && path.length > 0) {
    throw new TemplateError(`nothing may follow "${name}"`, column + name.length);
  }
  if (rule === 'level' && path.length > 0 && !/^[1-9]\d?$/.test(path.join('.'))) {
    throw new TemplateError(`"${name}." wants one number from 1 to 99`, column + name.length + 1);
  }
  if (rule === 'fields' && (path.length === 0 || path.includes(''))) {
    throw new TemplateError(`"${name}" wants the name of a field behind it`, column + name.length);
  }
  return { name, path };
}
