// The command line as its users meet it: help, versions, mistakes.

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { version } from '../../src/version.ts';
import { runToEnd } from './command-line.ts';

const commands = ['run', 'check', 'explain', 'suggest', 'status', 'demo'];

test('--help names every command, and each command explains itself with its exit codes and an example', async () => {
  const all = await runToEnd('--help');
  assert.equal(all.code, 0);
  assert.equal(all.err, '');
  for (const command of commands) {
    assert.match(all.out, new RegExp(`^ {2}${command} `, 'm'));
    const one = await runToEnd(command, '--help');
    assert.equal(one.code, 0, command);
    assert.match(one.out, /Exit codes?: 0/);
    assert.match(one.out, new RegExp(`Example:\n {2}countersign ${command}`));
  }
});

test('--version prints the version and nothing else', async () => {
  assert.deepEqual(await runToEnd('--version'), { code: 0, out: `countersign ${version}\n`, err: '' });
});

test('a wrong command line ends with 64 and one line on standard error that says what is wrong', async () => {
  const wrong: readonly (readonly [readonly string[], RegExp])[] = [
    [['frobnicate'], /unknown command "frobnicate"/],
    [['constructor'], /unknown command "constructor"/],
    [['--config', 'x'], /unknown command "--config"/],
    [['run', '--confg', 'x'], /Unknown option '--confg'/],
    [['run'], /Missing option --config FILE/],
    [['run', '--config'], /argument missing/],
    [['suggest'], /Missing option --audit FILE/],
    [['check', '--config', 'x', 'y'], /Unexpected argument 'y'/],
    [['explain', '--config', 'x', '--json=yes', '--certificate', 'y'], /does not take an argument/],
  ];
  for (const [args, said] of wrong) {
    const ended = await runToEnd(...args);
    assert.equal(ended.code, 64, args.join(' '));
    assert.match(ended.err, said);
    assert.equal(ended.err.trimEnd().split('\n').length, 1, ended.err);
    assert.equal(ended.out, '');
  }
  const none = await runToEnd();
  assert.equal(none.code, 64);
  assert.match(none.err, /Usage: countersign COMMAND/);
});

test('npm run countersign hands arguments and exit code through, without a build', async () => {
  const root = fileURLToPath(new URL('../..', import.meta.url));
  const { stdout } = await promisify(execFile)('npm', ['run', '-s', 'countersign', '--', '--version'], { cwd: root });
  assert.equal(stdout, `countersign ${version}\n`);
  await assert.rejects(promisify(execFile)('npm', ['run', '-s', 'countersign', '--', 'frobnicate'], { cwd: root }), { code: 64 });
});
