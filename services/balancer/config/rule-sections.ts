import { isShaCrypt } from '../rules/sha-crypt.ts';
import type { UserList } from '../rules/users.ts';
import { type Context, onlyArguments, suggestion } from './keyword.ts';
import { readErrorFile } from './keywords/error-file.ts';
import type { Statement } from './lexer.ts';
import type { OpenSection } from './sections.ts';

/** `userlist <name>`: HAProxy 2.6 manual, section 3.4. */
export function openUserlist(statement: Statement, context: Context): OpenSection {
  const { problems } = context;
  const name = statement.word(1);
  if (name === '') {
    problems.alert(statement.position, "'userlist' expects <name> as arguments.");
    return { kind: 'skipped' };
  }
  onlyArguments(statement, 1, context);
  const list = context.shared.userlist(name);
  if (list.defined) {
    problems.warn(statement.position, `ignoring duplicated userlist '${name}'.`);
    return { kind: 'skipped' };
  }
  list.defined = true;
  return { kind: 'userlist', list };
}

/** `group <name> [users <user>,…]` and `user <name> [password | insecure-password <word>] [groups …]`. */
export function parseUserlistLine(list: UserList, statement: Statement, context: Context): void {
  const { problems } = context;
  const [keyword, name] = [statement.word(0), statement.word(1)];
  if (keyword !== 'user' && keyword !== 'group') {
    const hint = suggestion(keyword, ['user', 'group']);
    problems.alert(statement.position, `unknown keyword '${keyword}' in 'userlist' section${hint}`);
    return;
  }
  if (name === '') {
    problems.alert(statement.position, `'${keyword}' expects <name> as arguments.`);
    return;
  }
  if (keyword === 'group') parseGroup(list, name, statement, context);
  else parseUser(list, name, statement, context);
}

function parseGroup(
  list: UserList,
  name: string,
  statement: Statement,
  { problems }: Context,
): void {
  list.addGroup(name);
  if (statement.length === 2) return;
  if (statement.word(2) !== 'users') {
    problems.alert(statement.at(2), "'group' only supports 'users' option.");
    return;
  }
  if (statement.length > 4) {
    problems.alert(statement.at(4), "'group' only supports 'users' option.");
    return;
  }
  for (const user of statement.word(3).split(',')) list.pending(user, name);
}

function parseUser(
  list: UserList,
  name: string,
  statement: Statement,
  { problems }: Context,
): void {
  if (list.has(name)) {
    problems.warn(
      statement.position,
      `ignoring duplicated user '${name}' in userlist '${list.name}'.`,
    );
    return;
  }
  let password = '';
  let hashed = true;
  let groups: string[] = [];
  for (let index = 2; index < statement.length; index += 2) {
    const [word, value] = [statement.word(index), statement.word(index + 1)];
    if (word === 'password' || word === 'insecure-password') {
      [password, hashed] = [value, word === 'password'];
      if (hashed && !isShaCrypt(value)) {
        const message = `password of user '${name}' must be hashed with SHA-256 ($5$) or SHA-512 ($6$); other forms of crypt(3) are not supported.`;
        problems.alert(statement.at(index + 1), message);
        return;
      }
    } else if (word === 'groups') {
      groups = value.split(',');
    } else {
      const message = "'user' only supports 'password', 'insecure-password' and 'groups' options.";
      problems.alert(statement.at(index), message);
      return;
    }
  }
  list.addUser(name, password, hashed, groups);
}

/** `http-errors <name>`: HAProxy 2.6 manual, section 3.8. */
export function openHttpErrors(statement: Statement, context: Context): OpenSection {
  const name = statement.word(1);
  if (name === '') {
    context.problems.alert(statement.position, "'http-errors' expects a name as argument.");
    return { kind: 'skipped' };
  }
  const files = context.shared.errorSections.get(name) ?? new Map<number, string>();
  context.shared.errorSections.set(name, files);
  return { kind: 'http-errors', files };
}

export function parseHttpErrorsLine(
  files: Map<number, string>,
  statement: Statement,
  context: Context,
): void {
  const keyword = statement.word(0);
  if (keyword !== 'errorfile') {
    const message = `unknown keyword '${keyword}' in 'http-errors' section${suggestion(keyword, ['errorfile'])}`;
    context.problems.alert(statement.position, message);
    return;
  }
  const found = readErrorFile(statement, context);
  if (found) files.set(found.status, found.path);
}
