import { enableCompileCache } from 'node:module';
import { fileURLToPath } from 'node:url';

/**
 * Compiled code is kept, for us and for the processes that we start: from the second run on they
 * start in half the time and without the type stripper in memory. Loading comes after this.
 */
const cache = fileURLToPath(new URL('../node_modules/.cache/bramble', import.meta.url));
process.env.NODE_COMPILE_CACHE ??= cache;
enableCompileCache(process.env.NODE_COMPILE_CACHE);

const { runCli } = await import('./cli/run.ts');
process.exitCode = await runCli(process.argv.slice(2));
