import { printable } from '../admin/table.ts';
import type { Style } from '../dev/style.ts';
import { changesSomething, type NodePlan, type Stage } from './node-plan.ts';

/** One node's plan for a reader. */
export function planText(name: string, plan: NodePlan, style: Style): string {
  if (plan.failure !== undefined) return `${style.bold(name)}: ${style.bad(lines(plan.failure))}\n`;
  if (!changesSomething(plan)) return `${style.bold(name)}: ${style.good('nothing to change')}\n`;
  const parts = [
    ...plan.system.map(({ task, diff }) => `  ${task}\n${coloured(diff, style)}`),
    ...(plan.bramble === undefined ? [] : [stageText(plan.bramble, style)]),
  ];
  return `${style.bold(name)}:\n${parts.join('')}`;
}

function stageText({ release, files, work }: Stage, style: Style): string {
  const rows: string[] = [];
  if (release !== null)
    rows.push(
      `  release ${release.to}${release.from === null ? '' : `, instead of ${release.from}`}\n`,
    );
  for (const { file, what, diff } of files)
    rows.push(`  ${file} (${what})\n${coloured(diff, style)}`);
  for (const [verb, units] of Object.entries(work)) {
    if (units.length > 0) rows.push(`  ${verb}: ${units.map(short).join(', ')}\n`);
  }
  return rows.join('');
}

/** `bramble-broker.service` → `broker` */
export function short(unit: string): string {
  return unit.replace(/^bramble-/, '').replace(/\.service$/, '');
}

function coloured(diff: string, style: Style): string {
  if (diff === '') return '';
  return diff
    .split('\n')
    .map((line) => {
      const text = `      ${printable(line)}`;
      if (line.startsWith('+')) return `${style.good(text)}\n`;
      return line.startsWith('-') ? `${style.bad(text)}\n` : `${style.dim(text)}\n`;
    })
    .join('');
}

function lines(text: string): string {
  return text.split('\n').map(printable).join('\n    ');
}
