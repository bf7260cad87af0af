import { COLUMNS } from './columns.ts';
import { BACKEND, FRONTEND, type StatRow } from './rows.ts';

/** Shown to an operator only: HAProxy hides them from the page's `;csv` too (`show-legends`). */
const LEGENDS = new Set(['addr', 'cookie', 'algo']);

const HEADER = `# ${COLUMNS.map((column) => column.name).join(',')},\n`;

/** The rows as HAProxy's CSV: its header line, every line with a comma at its end. */
export function toCsv(rows: readonly StatRow[]): string {
  const lines = rows.map((row) => {
    const cells = COLUMNS.map(({ name }) => (LEGENDS.has(name) ? '' : quote(row[name])));
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
export function toJson(rows: readonly StatRow[]): string {
  return JSON.stringify(rows.map(fieldsOf));
}

function fieldsOf(row: StatRow): object[] {
  const objType = row.type === FRONTEND ? 'Frontend' : row.type === BACKEND ? 'Backend' : 'Server';
  const fields: object[] = [];
  let position = 0;
  for (const { name, origin, nature, scope, type } of COLUMNS) {
    // The separator is a column of the CSV alone.
    if (name === '-') continue;
    const pos = position++;
    const value = row[name];
    if (value === undefined || LEGENDS.has(name)) continue;
    fields.push({
      objType,
      proxyId: row.iid,
      id: row.sid,
      field: { pos, name },
      processNum: row.pid,
      tags: { origin, nature, scope },
      value: { type, value },
    });
  }
  return fields;
}
