import { COLUMNS, type Column } from './columns.ts';
import { BACKEND, FRONTEND, SERVER, type StatRow } from './rows.ts';

/** Shown to an operator only: HAProxy hides them from the page's `;csv` too (`show-legends`). */
const LEGENDS = new Set(['addr', 'cookie', 'algo']);

const HEADER = `# ${COLUMNS.map((column) => column.name).join(',')},\n`;

/** The rows as HAProxy's CSV: its header line, every line with a comma at its end. */
export function toCsv(rows: readonly StatRow[], legends = false): string {
  const lines = rows.map((row) => {
    const cells = COLUMNS.map(({ name }) =>
      !legends && LEGENDS.has(name) ? '' : quote(row[name]),
    );
    return `${cells.join(',')},\n`;
  });
  return `${HEADER}${lines.join('')}\n`;
}

/** HAProxy quotes only what needs it (RFC 4180). */
function quote(value: string | number | undefined): string {
  if (value === undefined) return '';
  const text = String(value);
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

/** The rows as HAProxy's typed JSON (`show stat json`, management guide, section 9.3). */
export function toJson(rows: readonly StatRow[], legends = false): string {
  return JSON.stringify(rows.map((row) => fieldsOf(row, legends).map((one) => jsonOf(row, one))));
}

interface Field extends Tags {
  readonly position: number;
  readonly name: string;
  readonly type: Column['type'];
  readonly value: string | number;
}

type Tags = Pick<Column, 'origin' | 'nature' | 'scope'>;

/** The columns of a row that have a value, with their place among all columns. */
function fieldsOf(row: StatRow, legends: boolean): Field[] {
  const fields: Field[] = [];
  let position = 0;
  for (const column of COLUMNS) {
    const { name, type } = column;
    // The separator is a column of the CSV alone.
    if (name === '-') continue;
    const own = position++;
    const value = row[name];
    if (value === undefined || (!legends && LEGENDS.has(name))) continue;
    fields.push({ position: own, name, type, value, ...tagsOf(column, Number(row.type)) });
  }
  return fields;
}

/** Two columns mean something else for some kinds of rows. */
function tagsOf({ name, origin, nature, scope }: Column, kind: number): Tags {
  if (kind === SERVER && (name === 'act' || name === 'bck')) {
    return { origin: 'Status', nature, scope };
  }
  if (kind === BACKEND && (name === 'rate' || name === 'rate_max')) {
    return { origin, nature: 'Gauge', scope };
  }
  return { origin, nature, scope };
}

const KINDS = ['Frontend', 'Backend', 'Server'] as const;
const kindOf = (row: StatRow): (typeof KINDS)[number] =>
  row.type === FRONTEND ? 'Frontend' : row.type === BACKEND ? 'Backend' : 'Server';

function jsonOf(row: StatRow, { position, name, type, value, ...tags }: Field): object {
  return {
    objType: kindOf(row),
    proxyId: row.iid,
    id: row.sid,
    field: { pos: position, name },
    processNum: row.pid,
    tags: { origin: tags.origin, nature: tags.nature, scope: tags.scope },
    value: { type, value },
  };
}

/** HAProxy's letters for what a value is (management guide, section 9.2). */
const NATURES: Readonly<Record<string, string>> = { Max: 'M', Min: 'm', Avg: 'a' };

export function tagLetters({ origin, nature, scope }: Tags): string {
  return `${origin[0]}${NATURES[nature] ?? nature[0]}${scope[0]}`;
}

/** The rows as `show stat typed`: a line a value. */
export function toTyped(rows: readonly StatRow[]): string {
  const lines = rows.flatMap((row) =>
    fieldsOf(row, true).map((field) => {
      const { position, name, type, value } = field;
      const subject = `${kindOf(row)[0]}.${row.iid}.${row.sid}`;
      return `${subject}.${position}.${name}.${row.pid}:${tagLetters(field)}:${type}:${value}\n`;
    }),
  );
  return lines.join('');
}
