/** Rows of one answer: what the event loop can make between two packets. */
const ROWS = 200;
export const ROWS_MAX = 1_000;
/** Rows of a list of the busiest. */
export const TOPICS = 20;

/** A number of the query within 1 and `maximum`; what is none counts as absent. */
export function numberOf(
  query: URLSearchParams,
  name: string,
  otherwise: number,
  maximum: number,
): number {
  const given = Number(query.get(name) ?? otherwise);
  return Number.isInteger(given) && given >= 1 ? Math.min(given, maximum) : otherwise;
}

export function limitOf(query: URLSearchParams, otherwise = ROWS): number {
  return numberOf(query, 'limit', otherwise, ROWS_MAX);
}

/** The rows from `from` on that are wanted; only they are made. */
export function pageOf<T, R>(
  query: URLSearchParams,
  all: Iterable<T>,
  wanted: (item: T) => boolean,
  row: (item: T) => R,
): { rows: R[]; next?: number } {
  const limit = limitOf(query);
  const from = numberOf(query, 'from', 0, Number.MAX_SAFE_INTEGER);
  const rows: R[] = [];
  let at = -1;
  for (const item of all) {
    if (!wanted(item) || ++at < from) continue;
    if (rows.length === limit) return { rows, next: at };
    rows.push(row(item));
  }
  return { rows };
}
