import { readFileSync } from 'node:fs';
import http from 'node:http';
import https from 'node:https';
import httpProxy from 'http-proxy-3';

/** `node node-proxy.ts -f file`: a reverse proxy made of the library alone, settings as JSON. */
const settings = JSON.parse(readFileSync(process.argv[3]!, 'utf8')) as {
  http: number;
  https: number;
  origin: number;
  certificate: string;
};
const agent = new http.Agent({ keepAlive: true, maxSockets: 1024, maxFreeSockets: 1024 });
const target = { host: '127.0.0.1', port: settings.origin, protocol: 'http:' };
const proxy = httpProxy.createProxyServer({ target, agent });
proxy.on('error', (_error, _request, response) => {
  if (response instanceof http.ServerResponse && !response.headersSent) response.writeHead(502);
  response.end();
});
const serve: http.RequestListener = (request, response) => proxy.web(request, response);
const pem = readFileSync(settings.certificate);
for (const [server, port] of [
  [http.createServer(serve), settings.http],
  [https.createServer({ key: pem, cert: pem }, serve), settings.https],
] as const) {
  server.keepAliveTimeout = 60_000;
  server.listen(port, '127.0.0.1', 1024);
}
