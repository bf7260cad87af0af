import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import path from 'node:path';
import { build, type Plugin } from 'esbuild';

/** A program of the release: its source and, by the same path with `.js`, what is installed. */
export interface Program {
  /** Relative to the checkout, with slashes. */
  readonly source: string;
}

export interface BundleOptions {
  checkout: string;
  /** Directory that becomes the release. */
  out: string;
  programs: readonly Program[];
}

/** The oldest Node that the bundles have to run on is the one that the release brings. */
const TARGET = 'node24';

/**
 * One file a program, its source map beside it. Rejects with esbuild's own messages, which name
 * file and line.
 */
export async function bundle({ checkout, out, programs }: BundleOptions): Promise<string[]> {
  const written: string[] = [];
  for (const { source } of programs) {
    const outfile = path.join(out, source.replace(/\.ts$/, '.js'));
    await build({
      absWorkingDir: checkout,
      entryPoints: [source],
      outfile,
      bundle: true,
      platform: 'node',
      format: 'esm',
      target: TARGET,
      sourcemap: 'linked',
      sourcesContent: false,
      minifySyntax: true,
      minifyWhitespace: true,
      legalComments: 'none',
      // Packages that are CommonJS inside call require for what Node itself has.
      banner: {
        js: "import { createRequire as bundledRequire } from 'node:module';const require = bundledRequire(import.meta.url);",
      },
      plugins: [ownPlace(checkout, source), ONE_LANGUAGE, NO_PUSHING, ON_DEMAND],
      logLevel: 'silent',
    });
    written.push(outfile, `${outfile}.map`);
  }
  return written;
}

/** zod has its messages in fifty languages, half of its code; ours speak one. */
const ONE_LANGUAGE: Plugin = {
  name: 'one-language',
  setup(builder) {
    builder.onLoad({ filter: /\/zod\/v4\/locales\/index\.js$/ }, ({ path: file }) => ({
      contents: "export { default as en } from './en.js';",
      resolveDir: path.dirname(file),
    }));
  },
};

/** Metrics are fetched from a program; what would push them needs all of TLS. */
const NO_PUSHING: Plugin = {
  name: 'no-pushing',
  setup(builder) {
    builder.onLoad({ filter: /\/prom-client\/lib\/pushgateway\.js$/ }, () => ({
      contents: 'module.exports = undefined;',
    }));
  },
};

const nodeRequire = createRequire(import.meta.url);
const BUILTIN = 'builtin-on-demand';

/**
 * Importing a module of Node's reads every property of it, also those that load something when they
 * are read: `http` has a WebSocket that brings all of undici and HTTP/2, `tls` all root certificates.
 * That is 10 MiB a program. `require` reads none, so what is imported is taken from what it gives.
 */
const ON_DEMAND: Plugin = {
  name: 'on-demand',
  setup(builder) {
    builder.onResolve({ filter: /^(node:)?(http|crypto|tls)$/ }, ({ path: name, kind }) =>
      kind === 'import-statement'
        ? { path: name.replace(/^node:/, ''), namespace: BUILTIN, sideEffects: false }
        : undefined,
    );
    builder.onLoad({ filter: /./, namespace: BUILTIN }, ({ path: name }) => {
      const properties = Object.getOwnPropertyDescriptors(nodeRequire(`node:${name}`) as object);
      const plain = Object.entries(properties).filter(([, { get }]) => get === undefined);
      const names = plain.map(([property]) => property).join(', ');
      return {
        contents: `const all = require('node:${name}'); export default all; export const { ${names} } = all;`,
        resolveDir: import.meta.dirname,
      };
    });
  },
};

/**
 * Files that a module reads lie beside it, and in the release they lie where they lay in the
 * checkout; the module itself is in its program's bundle, so its place is said relative to that.
 */
function ownPlace(checkout: string, program: string): Plugin {
  return {
    name: 'own-place',
    setup(builder) {
      builder.onLoad({ filter: /\.ts$/ }, async ({ path: file }) => {
        const text = await readFile(file, 'utf8');
        const module = path.relative(checkout, file).split(path.sep).join('/');
        if (module === program || !text.includes('import.meta.url')) return undefined;
        const place = path.posix.relative(path.posix.dirname(program), module);
        const own = `new URL(${JSON.stringify(place)}, import.meta.url).href`;
        return { contents: text.replaceAll('import.meta.url', own), loader: 'ts' };
      });
    },
  };
}
