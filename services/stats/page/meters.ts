import type { Vitals } from '#core/contracts/vitals.ts';
import { badge, icon, type Tone } from './badge.ts';
import { type Html, html } from './html.ts';
import type { Live } from './live.ts';
import { bytesOf, celsius, exact, percent, UNKNOWN } from './units.ts';

/** From the first a figure is shown as high, from the second as too high. */
type Limits = readonly [high: number, tooHigh: number];

const CPU: Limits = [85, 97];
const MEMORY: Limits = [85, 95];
const DISK: Limits = [80, 92];
/** °C; the firmware slows a Pi down at 80. */
const TEMPERATURE: Limits = [70, 80];

/** A labelled bar with its figure as text. */
export interface Meter {
  label: string;
  /** 0..100; absent = unknown. */
  value?: number;
  text?: string;
  tone?: Tone;
  detail?: string;
  /** The exact value. */
  title?: string;
  flag?: Html | undefined;
}

/** What is measured of a machine; a sensor that it does not have makes no meter. */
export function metersOf(vitals: Vitals | undefined): Meter[] {
  if (!vitals) return [{ label: 'CPU' }, { label: 'Memory' }];
  const { cpu, memory, temperature, disks } = vitals;
  return [
    { ...against('CPU', cpu.usage, CPU, percent), detail: `${cpu.cores} cores` },
    share('Memory', memory.total - memory.available, memory.total, MEMORY),
    ...(memory.swapUsed > 0 ? [share('Swap', memory.swapUsed, memory.swapTotal, MEMORY)] : []),
    ...disks.map(({ mount, used, size, readOnly }) => ({
      ...share(`Disk ${mount}`, used, size, DISK),
      flag: readOnly ? badge('bad', 'read-only') : undefined,
    })),
    ...(temperature === undefined
      ? []
      : [against('Temperature', temperature, TEMPERATURE, celsius)]),
  ];
}

function against(
  label: string,
  value: number | undefined,
  [high, tooHigh]: Limits,
  format: (value: number) => string,
): Meter {
  if (value === undefined) return { label };
  const tone = value >= tooHigh ? 'bad' : value >= high ? 'warn' : 'ok';
  return { label, value, text: format(value), tone, title: value.toFixed(1) };
}

function share(label: string, used: number, total: number, limits: Limits): Meter {
  return {
    ...against(label, total > 0 ? (used / total) * 100 : undefined, limits, percent),
    detail: bytesOf(used, total),
    title: `${exact(used)} of ${exact(total)} bytes`,
  };
}

const WORDS: Partial<Record<Tone, string>> = { warn: 'high', bad: 'too high' };

export function meter(id: string, live: Live, entry: Meter): Html {
  const { label, value, text = UNKNOWN, tone = 'idle', detail, title, flag } = entry;
  const width = Math.min(Math.max(value ?? 0, 0), 100).toFixed(1);
  const word = WORDS[tone];
  const warning = word !== undefined && html`<em>${icon(tone)}${word}</em> `;
  return live.cell('div', id, { class: `meter ${tone}`, title }, [
    html`<dt>${label}</dt> <dd><svg class="bar" aria-hidden="true"><rect class="track" width="100%" height="100%" rx="3"/><rect class="fill" width="${width}%" height="100%" rx="3"/></svg>`,
    html`<b>${text}</b> <small>${flag}${warning}${detail}</small></dd>`,
  ]);
}
