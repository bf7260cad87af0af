import { isMainThread } from 'node:worker_threads';

if (isMainThread) {
  const { main } = await import('./cli.ts');
  const code = await main(process.argv.slice(2));
  if (code !== undefined) process.exitCode = code;
} else {
  const { serveAsWorker } = await import('./workers/worker.ts');
  await serveAsWorker();
}
