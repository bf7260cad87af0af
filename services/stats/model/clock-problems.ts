import type { NodeView, Problem } from './snapshot.ts';

type Finding = Omit<Problem, 'since'>;

/**
 * A node's time is as old as its last answer: one second of sampling, one of asking, and what a busy
 * Pi takes. Milliseconds; what is beyond it is a clock that is wrong.
 */
const TOLERANCE = 15_000;
const MINUTE = 60_000;
const UNITS = [
  [365 * 24 * 60 * MINUTE, 'year'],
  [24 * 60 * MINUTE, 'day'],
  [60 * MINUTE, 'hour'],
  [MINUTE, 'minute'],
  [1000, 'second'],
] as const;

/**
 * Nodes whose clock is not that of most nodes: messages expire too early or too late there, and
 * certificates are not valid. With two nodes nobody can tell which one is right.
 */
export function clockProblems(nodes: readonly NodeView[]): Finding[] {
  const offsets = nodes.flatMap(({ name, vitals }) =>
    vitals.state === 'fresh' ? [{ name, offset: vitals.value.at - vitals.at }] : [],
  );
  const sorted = offsets.map(({ offset }) => offset).sort((a, b) => a - b);
  const middle = sorted[Math.floor((sorted.length - 1) / 2)] ?? 0;
  const most = offsets.filter(({ offset }) => Math.abs(offset - middle) <= TOLERANCE);
  const wrong = offsets.filter(({ offset }) => Math.abs(offset - middle) > TOLERANCE);
  const whom = most.length > 1 ? 'the other nodes' : (most[0]?.name ?? '');
  const unsure = most.length <= wrong.length ? '; one of them is wrong' : '';
  return wrong.map(({ name, offset }) => {
    const by = inWords(Math.abs(offset - middle));
    const way = offset > middle ? 'ahead of' : 'behind';
    const text = `its clock is ${by} ${way} that of ${whom}${unsure}`;
    return { key: `clock ${name}`, level: 'warning', subject: name, text };
  });
}

/** In the largest unit that it has two of, so that the text changes seldom. */
function inWords(milliseconds: number): string {
  const [unit, name] = UNITS.find(([length]) => milliseconds >= 2 * length) ?? UNITS.at(-1)!;
  return `${Math.floor(milliseconds / unit)} ${name}s`;
}
