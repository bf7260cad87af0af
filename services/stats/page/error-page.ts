import type { Assets } from './assets.ts';
import { html } from './html.ts';

/** A small page for what went wrong. */
export function errorPage(status: number, title: string, text: string, assets: Assets): string {
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${title} · Bramble</title>
<link rel="icon" href="/favicon.svg" type="image/svg+xml">
<link rel="stylesheet" href="${assets.css.path}">
</head>
<body class="error">
<main>
<h1>${title}</h1>
<p>${text}</p>
<p><a href="/">To the cluster's page</a> <small>status ${status}</small></p>
</main>
</body>
</html>
`.text;
}
