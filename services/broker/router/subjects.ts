/**
 * Topics as NATS subjects, so that nats-server matches as MQTT does (MQTT 5, 4.7).
 *
 * A level becomes a token: letters, digits, `-` and `_` stay, any other UTF-8 byte becomes `=XX`
 * in hexadecimal, an empty level becomes `=` alone. Tokens are joined with `.`. Ordinary topics
 * stand under `{root}.t`, those that begin with `$` under `{root}.d`, which no leading wildcard
 * reaches ([MQTT-4.7.2-1]). `+` becomes `*`; `a/#` becomes two subjects, `a` and `a.>`, since it
 * matches its parent too and `>` needs at least one token.
 *
 * A subject may not outgrow nats-server's control line (4,096 bytes). Topics whose subject is
 * longer than SUBJECT_MAX all travel under `{root}.long`, which every node takes; a filter longer
 * than that can match only such topics, since each token of it matches at least its own length.
 */
export const SUBJECT_ROOT = 'bramble.p';
export const LONG_SUBJECT = `${SUBJECT_ROOT}.long`;
/** Longest subject in use, characters. */
export const SUBJECT_MAX = 1_024;

const PLAIN = /^[A-Za-z0-9_-]+$/;

/** The subject under which a topic's messages are published. */
export function subjectOfTopic(topic: string): string {
  const subject = `${prefix(topic)}.${topic.split('/').map(encodeLevel).join('.')}`;
  return subject.length > SUBJECT_MAX ? LONG_SUBJECT : subject;
}

/** The subjects whose messages together are those that the filter matches. */
export function subjectsOfFilter(filter: string): string[] {
  const levels = filter.split('/');
  const multi = levels[levels.length - 1] === '#';
  if (multi) levels.pop();
  const tokens = levels.map((level) => (level === '+' ? '*' : encodeLevel(level)));
  const base = [prefix(filter), ...tokens].join('.');
  if (base.length > SUBJECT_MAX) return [];
  if (!multi) return [base];
  return levels.length === 0 ? [`${base}.>`] : [base, `${base}.>`];
}

function prefix(topicOrFilter: string): string {
  return topicOrFilter.charCodeAt(0) === 0x24 ? `${SUBJECT_ROOT}.d` : `${SUBJECT_ROOT}.t`;
}

/** One level as one token; also for client ids and the like. */
export function encodeLevel(level: string): string {
  if (level === '') return '=';
  if (PLAIN.test(level)) return level;
  let token = '';
  for (const byte of Buffer.from(level)) {
    const char = String.fromCharCode(byte);
    token += PLAIN.test(char) ? char : `=${byte.toString(16).padStart(2, '0')}`;
  }
  return token;
}
