/** Lines around a change that are shown too. */
const CONTEXT = 2;
/** Beyond this many lines the middle is shown as replaced as a whole: the table would be large. */
const TABLE_MAX = 4_000_000;

type Step = ' ' | '-' | '+';

interface DiffLine {
  step: Step;
  text: string;
}

/**
 * A diff of two texts in the unified format's style, without a header; '' where they are the same.
 * Lines are as `show` makes them, so that secrets can be masked: a line that changed is there even
 * when both look the same.
 */
export function lineDiff(
  before: string,
  after: string,
  show: (line: string) => string = (line) => line,
): string {
  const lines = compare(split(before), split(after));
  const near = lines.map(() => false);
  for (const [at, { step }] of lines.entries()) {
    if (step === ' ') continue;
    for (let i = Math.max(0, at - CONTEXT); i <= at + CONTEXT; i++)
      if (i < near.length) near[i] = true;
  }
  const shown: string[] = [];
  for (const [at, { step, text }] of lines.entries()) {
    if (near[at]) shown.push(`${step}${show(text)}`);
    else if (near[at - 1]) shown.push('…');
  }
  if (shown.at(-1) === '…') shown.pop();
  return shown.join('\n');
}

function split(text: string): string[] {
  if (text === '') return [];
  return text.replace(/\n$/, '').split('\n');
}

/** What is the same at both ends is set aside; the rest by the longest common subsequence. */
function compare(a: readonly string[], b: readonly string[]): DiffLine[] {
  let head = 0;
  while (head < a.length && head < b.length && a[head] === b[head]) head++;
  let tail = 0;
  while (
    tail < a.length - head &&
    tail < b.length - head &&
    a[a.length - 1 - tail] === b[b.length - 1 - tail]
  ) {
    tail++;
  }
  const same = (lines: readonly string[]): DiffLine[] => lines.map((text) => ({ step: ' ', text }));
  return [
    ...same(a.slice(0, head)),
    ...middle(a.slice(head, a.length - tail), b.slice(head, b.length - tail)),
    ...same(a.slice(a.length - tail)),
  ];
}

function middle(a: readonly string[], b: readonly string[]): DiffLine[] {
  if (a.length * b.length > TABLE_MAX) {
    return [
      ...a.map((text): DiffLine => ({ step: '-', text })),
      ...b.map((text): DiffLine => ({ step: '+', text })),
    ];
  }
  const width = b.length + 1;
  const longest = new Uint32Array((a.length + 1) * width);
  for (let i = a.length - 1; i >= 0; i--) {
    for (let j = b.length - 1; j >= 0; j--) {
      longest[i * width + j] =
        a[i] === b[j]
          ? longest[(i + 1) * width + j + 1]! + 1
          : Math.max(longest[(i + 1) * width + j]!, longest[i * width + j + 1]!);
    }
  }
  const lines: DiffLine[] = [];
  let [i, j] = [0, 0];
  while (i < a.length || j < b.length) {
    if (i < a.length && j < b.length && a[i] === b[j]) {
      lines.push({ step: ' ', text: a[i++]! });
      j++;
    } else if (
      j === b.length ||
      (i < a.length && longest[(i + 1) * width + j]! >= longest[i * width + j + 1]!)
    ) {
      lines.push({ step: '-', text: a[i++]! });
    } else {
      lines.push({ step: '+', text: b[j++]! });
    }
  }
  return lines;
}
