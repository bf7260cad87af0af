import type { Placeholder, Template } from '#core/config/template.ts';

/** Fills a template in; undefined when something that it names is not there. */
export function render(
  template: Template,
  fill: (placeholder: Placeholder) => string | undefined,
): string | undefined {
  let text = '';
  for (const part of template) {
    const value = typeof part === 'string' ? part : fill(part);
    if (value === undefined) return undefined;
    text += value;
  }
  return text;
}
