import net from 'node:net';
import type { HttpCheckConfig, ServerConfig } from '../model.ts';
import type { CheckReport } from '../servers/types.ts';
import { encodeCheckHeader } from '../tcp/proxy-header.ts';
import { judge } from './http-expect.ts';
import { CheckResponse } from './http-response.ts';
import { endsOf, faultOf, type RunningCheck } from './running-check.ts';

export interface HttpCheckOptions {
  /** Milliseconds for the connection, and for the answer from then on. */
  limits: { connect: number; answer: number };
  /** A 404 takes the server out of balancing instead of down. */
  drains: boolean;
}

/**
 * The layer 7 check: sends one request and judges what comes back (manual, `option httpchk` and
 * `http-check`). The connection is then reset, so that no port lingers.
 */
export function checkHttp(
  server: ServerConfig,
  http: HttpCheckConfig,
  { limits, drains }: HttpCheckOptions,
  done: (report: CheckReport) => void,
): RunningCheck {
  const { check } = server;
  const started = performance.now();
  const response = new CheckResponse(http.method);
  const socket = net.connect({
    host: check?.addr ?? server.host,
    port: check?.port ?? server.port,
    noDelay: true,
    allowHalfOpen: true,
  });
  let open = true;
  let connected = false;
  let timer = setTimeout(() => finish({ status: 'L4TOUT' }), limits.connect);

  function finish(report: Omit<CheckReport, 'duration'>): void {
    if (!open) return;
    open = false;
    clearTimeout(timer);
    if (socket.connecting) socket.destroy();
    else socket.resetAndDestroy();
    done({ ...report, duration: Math.round(performance.now() - started) });
  }

  function look(): void {
    const seen = response.seen();
    const judgement = seen && judge(http, seen, drains);
    if (judgement) finish(judgement);
  }

  socket.once('connect', () => {
    connected = true;
    clearTimeout(timer);
    timer = setTimeout(() => finish({ status: 'L7TOUT' }), limits.answer);
    if (check?.sendProxy) {
      socket.write(encodeCheckHeader(server.sendProxy ?? 'v1', endsOf(socket)));
    }
    socket.write(http.request);
  });
  socket.on('data', (chunk: Buffer) => {
    if (!open) return;
    if (response.push(chunk)) look();
    else finish({ status: 'L7RSP' });
  });
  socket.on('end', () => {
    if (!open) return;
    if (response.end()) look();
    else finish({ status: 'L7RSP' });
  });
  socket.on('error', (error) => finish(faultOf(error, connected)));
  return {
    cancel: () => {
      open = false;
      clearTimeout(timer);
      socket.destroy();
    },
  };
}
