/** Markup that is safe to put into a page as it is. Only `html` makes it. */
export class Html {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }

  toString(): string {
    return this.text;
  }
}

export type Renderable = Html | string | number | undefined | false | readonly Renderable[];

const ESCAPES: Record<string, string> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

/** Safe as text and inside a quoted attribute. */
export function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (character) => ESCAPES[character]!);
}

function render(value: Renderable): string {
  if (value instanceof Html) return value.text;
  if (value === undefined || value === false) return '';
  if (typeof value === 'object') return value.map(render).join('');
  return escapeHtml(String(value));
}

/**
 * A template whose values are escaped unless they are markup themselves. Attribute values must
 * stand in quotes; there is no way to put unescaped text in.
 */
export function html(strings: TemplateStringsArray, ...values: Renderable[]): Html {
  let text = strings[0]!;
  for (const [index, value] of values.entries()) text += render(value) + strings[index + 1]!;
  return new Html(text);
}

export type Attributes = Readonly<Record<string, string | number | undefined | false>>;

/** One element. Tag and attribute names are ours, never input; values are escaped. */
export function element(tag: string, attributes: Attributes, content: Renderable): Html {
  let text = `<${tag}`;
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== undefined && value !== false) text += ` ${name}="${escapeHtml(String(value))}"`;
  }
  return new Html(`${text}>${render(content)}</${tag}>`);
}
