import fc from 'fast-check';
import { expect, test } from 'vitest';
import { element, escapeHtml, html } from '../../../services/stats/page/html.ts';

test('values are escaped, markup is kept', () => {
  const name = '<img src=x onerror=alert(1)>';
  const inner = html`<b>${name}</b>`;
  expect(html`<p title="${'" onclick="x'}">${inner}${[1, undefined, false, 'a&b']}</p>`.text).toBe(
    '<p title="&quot; onclick=&quot;x"><b>&lt;img src=x onerror=alert(1)&gt;</b>1a&amp;b</p>',
  );
});

test('an object that looks like markup is not taken for it', () => {
  const forged = { text: '<script>', toString: () => '<script>' } as unknown as string;
  expect(html`${[String(forged)]}`.text).toBe('&lt;script&gt;');
});

test('attributes that are not set are left out, zero and empty ones are not', () => {
  const attributes = {
    id: 'a"b',
    class: undefined,
    hidden: false,
    title: '',
    'data-n': 0,
  } as const;
  expect(element('td', attributes, 'x').text).toBe('<td id="a&quot;b" title="" data-n="0">x</td>');
});

test('no text gets out of a text or a quoted attribute', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (text) => {
      expect(escapeHtml(text)).not.toMatch(/[<>"']/);
      expect(escapeHtml(text)).not.toMatch(/&(?!amp;|lt;|gt;|quot;|#39;)/);
    }),
  );
});
