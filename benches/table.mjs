// What all benchmarks share: figures of a series, a table, a file, and the machine's name.

import { mkdirSync, writeFileSync } from 'node:fs';
import { cpus, totalmem, release } from 'node:os';
import { join } from 'node:path';
import { ROOT } from '../tests/browser/support/server.mjs';

/** Minimum, median and maximum of a series. */
export function figures(series) {
  const sorted = [...series].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  const median = sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
  return { runs: sorted.length, min: sorted[0], median, max: sorted.at(-1) };
}

function machine() {
  const [{ model }] = cpus();
  return `${cpus().length} × ${model}, ${Math.round(totalmem() / 2 ** 30)} GiB, Linux ${release()}`;
}

/** Prints rows ({ what, runs, min, median, max, … }) and writes them to target/bench/NAME.json. */
export function report(name, unit, rows) {
  const on = machine();
  console.log(`\n${name} (${unit}), on ${on}`);
  const columns = Object.keys(rows[0]);
  const text = (value) => (typeof value === 'number' && !Number.isInteger(value) ? value.toFixed(Math.abs(value) < 10 ? 2 : 1) : String(value ?? '–'));
  const widths = columns.map((column) => Math.max(column.length, ...rows.map((row) => text(row[column]).length)));
  const line = (cells) => cells.map((cell, nth) => (nth ? cell.padStart(widths[nth]) : cell.padEnd(widths[nth]))).join('  ');
  console.log(line(columns));
  for (const row of rows) console.log(line(columns.map((column) => text(row[column]))));
  const folder = join(ROOT, 'target/bench');
  mkdirSync(folder, { recursive: true });
  const file = join(folder, `${name}.json`);
  writeFileSync(file, `${JSON.stringify({ name, unit, machine: on, at: new Date().toISOString(), rows }, null, 2)}\n`);
  console.log(`written to ${file}`);
}
