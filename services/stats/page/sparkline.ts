import type { Series } from '../model/snapshot.ts';
import { type Html, html } from './html.ts';

const WIDTH = 120;
const HEIGHT = 24;
const INSET = 2;

export interface SparklineOptions {
  /** What it shows, for the text beside it: `messages in`. */
  label: string;
  /** How many points a full width has. */
  slots: number;
  /** Top of the scale; without it the largest point. */
  top?: number;
  format: (value: number) => string;
}

/**
 * A line of the last minutes as SVG, newest at the right edge, with its summary as text. Gaps stay
 * gaps. Undefined until there are two points.
 */
export function sparkline(series: Series, options: SparklineOptions): Html | undefined {
  const { label, slots, format } = options;
  const known = series.filter((point) => point !== null);
  if (known.length < 2) return undefined;
  const max = Math.max(...known);
  const top = options.top ?? max;
  const x = (index: number) => round(WIDTH - ((series.length - 1 - index) * WIDTH) / (slots - 1));
  const y = (value: number) =>
    round(HEIGHT - INSET - (top > 0 ? value / top : 0) * (HEIGHT - 2 * INSET));
  let path = '';
  let drawing = false;
  for (const [index, point] of series.entries()) {
    if (point !== null) path += `${drawing ? 'L' : 'M'}${x(index)} ${y(point)}`;
    drawing = point !== null;
  }
  const summary = `${label}, last 5 minutes: ${format(Math.min(...known))} to ${format(max)}`;
  return html`<svg class="spark" viewBox="0 0 ${WIDTH} ${HEIGHT}" preserveAspectRatio="none" role="img" aria-label="${summary}"><title>${summary}</title><path class="axis" d="M0 ${HEIGHT - 0.5}H${WIDTH}" vector-effect="non-scaling-stroke"/><path d="${path}" vector-effect="non-scaling-stroke"/></svg>`;
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}
