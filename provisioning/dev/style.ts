import { styleText } from 'node:util';

export type Paint = (text: string) => string;

export interface Style {
  bold: Paint;
  dim: Paint;
  good: Paint;
  warn: Paint;
  bad: Paint;
}

const plain: Paint = (text) => text;

/** Colours on a terminal only, and never where NO_COLOR is set (no-color.org). */
export function terminalStyle(isTerminal: boolean, env: NodeJS.ProcessEnv = process.env): Style {
  if (!isTerminal || env.NO_COLOR || env.TERM === 'dumb') {
    return { bold: plain, dim: plain, good: plain, warn: plain, bad: plain };
  }
  const paint =
    (format: Parameters<typeof styleText>[0]): Paint =>
    (text) =>
      styleText(format, text, { validateStream: false });
  return {
    bold: paint('bold'),
    dim: paint('dim'),
    good: paint('green'),
    warn: paint('yellow'),
    bad: paint('red'),
  };
}
