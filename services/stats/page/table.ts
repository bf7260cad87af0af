import { type Html, html, type Renderable } from './html.ts';
import type { Live } from './live.ts';

/** A column: what its head says, and what it means. */
export interface Column<Row> {
  /** Short and unique within the table: part of its cells' ids. */
  key: string;
  label: string;
  /** What the figure is, for `title` of the head. */
  hint?: string;
  /** Figures stand to the right. */
  numeric?: boolean;
  /** Takes half the width of a card on narrow screens; `lead` stands beside the name there. */
  wide?: true | 'lead';
  cell: (row: Row) => Cell;
}

export interface Cell {
  content: Renderable;
  /** The exact value. */
  title?: string | undefined;
}

/** A value that a column shows, or nothing known. */
export function figure(value: number | undefined, format: (value: number) => string): Cell {
  if (value === undefined) return { content: '' };
  return { content: format(value), title: String(Math.round(value * 1000) / 1000) };
}

export function head<Row>(columns: readonly Column<Row>[]): Html {
  const cells = columns.map(
    ({ label, hint, numeric }) =>
      html`<th scope="col" class="${numeric ? 'num' : ''}" title="${hint ?? label}">${label}</th>`,
  );
  return html`<thead><tr>${cells}</tr></thead>`;
}

/** One row. Its first cell heads it; each is live; labels show on narrow screens. */
export function row<Row>(
  columns: readonly Column<Row>[],
  value: Row,
  id: string,
  live: Live,
  className = '',
): Html {
  const cells = columns.map(({ key, label, numeric, wide, cell }, index) => {
    const { content, title } = cell(value);
    const tag = index === 0 ? 'th' : 'td';
    const classes = [numeric && 'num', wide && 'wide', wide === 'lead' && 'lead', className]
      .filter(Boolean)
      .join(' ');
    const scope = index === 0 ? 'row' : undefined;
    return live.cell(
      tag,
      `${id}-${key}`,
      { class: classes || undefined, scope, 'data-label': label, title },
      content,
    );
  });
  return html`<tr>${cells.map((cell) => html`${cell} `)}</tr>`;
}
