// What a process costs.

import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

/** proc(5) counts in these. */
const TICK_MS = 1000 / Number(execFileSync('getconf', ['CLK_TCK']));

/** The server's own user and system time in ms, without that of its children. */
export function cpu(pid) {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').replace(/^.*\) /, '').split(' ');
  return (Number(fields[11]) + Number(fields[12])) * TICK_MS;
}
