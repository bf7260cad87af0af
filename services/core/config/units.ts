import { z } from 'zod';

const SIZE = /^(\d+(?:\.\d+)?)\s*(B|[KMG]i?B?)?$/i;
const DURATION = /^(\d+(?:\.\d+)?)\s*(ms|s|m|h|d)$/;
const SIZE_FACTORS: Record<string, number> = { k: 1 << 10, m: 1 << 20, g: 1 << 30 };
const DURATION_FACTORS: Record<string, number> = {
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
};

/** A size such as `256 KiB` or `1MB` (both binary), or plain bytes → bytes. */
export const size = z.union([z.number(), z.string()]).transform((value, context) => {
  if (typeof value === 'number' && Number.isInteger(value) && value >= 0) return value;
  const match = SIZE.exec(String(value));
  if (match) {
    const factor = SIZE_FACTORS[(match[2] ?? '').charAt(0).toLowerCase()] ?? 1;
    return Math.round(Number(match[1]) * factor);
  }
  context.addIssue({ code: 'custom', message: `"${value}" is no size; write e.g. 256 KiB` });
  return z.NEVER;
});

/** A duration such as `500 ms`, `30 s`, `10 m`, `2 h`, `1 d` → milliseconds. The unit is required. */
export const duration = z.union([z.number(), z.string()]).transform((value, context) => {
  const match = DURATION.exec(String(value).trim());
  if (match) return Number(match[1]) * DURATION_FACTORS[match[2]!]!;
  context.addIssue({ code: 'custom', message: `"${value}" is no duration; write e.g. 30 s` });
  return z.NEVER;
});
