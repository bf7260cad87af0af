/** What faults of HTTP are tried with. */
export const GET = 'GET / HTTP/1.1\r\nHost: a\r\n\r\n';
export const post = (length: number, body = ''): string =>
  `POST / HTTP/1.1\r\nHost: a\r\nContent-Length: ${length}\r\n\r\n${body}`;

/** Limits that pass while a test waits. */
export const SHORT = `
    timeout client 700ms
    timeout server 400ms
    timeout http-request 300ms
    timeout http-keep-alive 250ms
    timeout queue 300ms
    timeout tunnel 350ms`;
