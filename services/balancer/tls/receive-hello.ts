import { END_OF_STREAM, readBytes, readResult, type TcpHandle } from '../tcp/handle.ts';
import { MAX_HELLO_BYTES, scanClientHello } from './client-hello.ts';

export interface ReceivedHello {
  readonly serverName: string | undefined;
  /** Everything that has come so far, for the handshake. */
  readonly bytes: Buffer;
  /** No more comes: the client has sent FIN. */
  readonly ended: boolean;
}

/**
 * Reads until the name is known that the client asks for, or nothing can be known. `done` gets
 * undefined when the connection failed. The caller keeps the time.
 */
export function receiveHello(
  handle: TcpHandle,
  head: Buffer | undefined,
  done: (hello: ReceivedHello | undefined) => void,
): void {
  let bytes = head ?? Buffer.alloc(0);
  let open = true;
  const finish = (hello: ReceivedHello | undefined): void => {
    open = false;
    handle.readStop();
    done(hello);
  };
  const look = (): void => {
    const scan = scanClientHello(bytes);
    if (scan.kind === 'incomplete' && bytes.length < MAX_HELLO_BYTES) return;
    const serverName = scan.kind === 'hello' ? scan.serverName : undefined;
    finish({ serverName, bytes, ended: false });
  };
  handle.onread = (data) => {
    const result = readResult();
    if (result === 0 || !open) return undefined;
    if (result > 0 && data !== undefined) {
      const chunk = readBytes(data, result);
      bytes = bytes.length === 0 ? chunk : Buffer.concat([bytes, chunk]);
      look();
    } else {
      finish(result === END_OF_STREAM ? { serverName: undefined, bytes, ended: true } : undefined);
    }
    return undefined;
  };
  if (bytes.length > 0) look();
  if (open && handle.readStart() !== 0) finish(undefined);
}
