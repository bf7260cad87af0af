/** One column: its head, and what a row shows in it. Numbers stand to the right. */
export interface Column<R> {
  head: string;
  right?: boolean;
  value: (row: R) => string | number;
}

/** Longest cell, characters. */
const CELL_MAX = 60;

/** Rows as a table for a terminal. */
export function table<R>(columns: readonly Column<R>[], rows: readonly R[]): string {
  const cells = rows.map((row) => columns.map(({ value }) => clip(printable(String(value(row))))));
  const widths = columns.map(({ head }, i) =>
    Math.max(head.length, ...cells.map((line) => line[i]!.length)),
  );
  const line = (values: readonly string[]): string =>
    values
      .map((value, i) =>
        columns[i]!.right === true ? value.padStart(widths[i]!) : value.padEnd(widths[i]!),
      )
      .join('  ')
      .trimEnd();
  return `${[columns.map(({ head }) => head), ...cells].map(line).join('\n')}\n`;
}

/**
 * What others have chosen (client ids, topics, payloads) must not speak to the terminal: control
 * characters, and those that turn the direction of text, are shown as their code.
 */
export function printable(text: string): string {
  return text.replaceAll(CONTROL, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`);
}

const CONTROL = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu;

function clip(text: string): string {
  return text.length <= CELL_MAX ? text : `${text.slice(0, CELL_MAX - 1)}…`;
}

/** `3 d`, `5 h`, `12 min`, `40 s`: the largest unit. */
export function age(milliseconds: number): string {
  const seconds = Math.max(0, Math.round(milliseconds / 1000));
  if (seconds < 120) return `${seconds} s`;
  if (seconds < 7_200) return `${Math.floor(seconds / 60)} min`;
  if (seconds < 172_800) return `${Math.floor(seconds / 3_600)} h`;
  return `${Math.floor(seconds / 86_400)} d`;
}

/** `512 B`, `1.5 KiB`, `20 MiB`. */
export function bytes(count: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  let value = count;
  let unit = 0;
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit++;
  }
  return `${unit === 0 || value >= 100 ? Math.round(value) : value.toFixed(1)} ${units[unit]}`;
}

/** A rate with at most one decimal; 0 where nothing happens. */
export function rate(value: number): string {
  return value === 0 ? '0' : value < 10 ? value.toFixed(1) : String(Math.round(value));
}
