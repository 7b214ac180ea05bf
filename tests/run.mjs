// Runs files of tests, one after the other, none longer than four minutes: `node tests/run.mjs FILE…`. Like `node --test
// --test-concurrency=1 --test-timeout=240000`, which Debian's Node 18 does not know.
import { run } from 'node:test';
import { spec } from 'node:test/reporters';
import path from 'node:path';

const files = process.argv.slice(2).map((file) => path.resolve(file));
run({ files, concurrency: 1, timeout: 240_000 })
  .on('test:fail', () => { process.exitCode = 1; })
  .compose(new spec())
  .pipe(process.stdout);
