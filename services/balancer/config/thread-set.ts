/** HAProxy's most threads. */
export const MAX_THREADS = 64;

/**
 * Numbers of threads, counted from 1: `all`, `odd`, `even`, `3`, `1-4`, several behind commas, and
 * the number of a group, of which there is one, in front (HAProxy manual, section 5.1 "thread").
 * A text says what is wrong.
 */
export function threadSet(text: string): readonly number[] | string | undefined {
  const [, group, list = ''] = /^(?:(\d+)\/)?(.+)$/.exec(text) ?? [];
  if (group !== undefined && Number(group) !== 1) return `thread group ${group} does not exist`;
  const chosen = new Set<number>();
  for (const word of list.split(',')) {
    const [first, last] = boundsOf(word);
    if (!(first >= 1 && last <= MAX_THREADS && first <= last)) {
      return `'${word}' is no set of threads: a number or range from 1 to ${MAX_THREADS}, 'all', 'odd' or 'even' is expected`;
    }
    const step = word === 'odd' || word === 'even' ? 2 : 1;
    for (let thread = first; thread <= last; thread += step) chosen.add(thread);
  }
  return chosen.size === MAX_THREADS ? undefined : [...chosen].toSorted((a, b) => a - b);
}

function boundsOf(word: string): [first: number, last: number] {
  if (word === 'all' || word === 'odd') return [1, MAX_THREADS];
  if (word === 'even') return [2, MAX_THREADS];
  const [, first, last] = /^(\d{1,3})(?:-(\d{1,3}))?$/.exec(word) ?? [];
  return [Number(first ?? 0), Number(last ?? first ?? 0)];
}
