export interface Exit {
  code: number | null;
  signal: NodeJS.Signals | null;
}

/** Why a process ended, in words: how, and what it last complained about. */
export function exitReason({ code, signal }: Exit, lastWords: string | undefined): string {
  const how = signal === null ? `exit code ${code ?? 'unknown'}` : `killed by ${signal}`;
  return lastWords === undefined ? how : `${how}: ${lastWords}`;
}
