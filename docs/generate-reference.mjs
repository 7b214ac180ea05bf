#!/usr/bin/env node
// Makes docs/reference/configuration.md of config.toml, which is where every key is documented: `./dev docs`.

import { readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const HERE = dirname(fileURLToPath(import.meta.url));
const FROM = join(HERE, '../config.toml');
export const TO = join(HERE, 'reference/configuration.md');

const HEAD = `<!-- Made of config.toml by \`./dev docs\`: change that, not this. -->

# Configuration

Every key, as [config.toml](../../config.toml) has it. Without a file lenscap runs with that one; a file of yours needs only what is different. \`lenscap check --config
FILE\` says [whether it is right](cli.md#lenscap-check). A key that lenscap does not know is a mistake, not a remark.

A key that is "in the file" has its default there. One that is left out is shown as it would be written: that is the default or an example, as its text says. Durations are texts
like \`"250ms"\`, \`"2s"\`, \`"1m"\`. Only \`[access]\` is read again while the server runs (SIGHUP); all else holds from the next start on.
`;

/** `config.toml` as sections: { name, many, leftOut, text, keys: [{ name, value, leftOut, text }] }. `text` is lines. */
export function read(toml) {
  const sections = [];
  let text = [];
  for (const line of toml.split('\n')) {
    const header = /^(# )?(\[\[?)([a-z_.0-9]+)\]\]?$/.exec(line);
    const key = /^(# )?([a-z_0-9]+) = (.+)$/.exec(line);
    if (header) {
      const [, leftOut, brackets, name] = header;
      sections.push({ name, many: brackets === '[[', leftOut: Boolean(leftOut), text, keys: [] });
      text = [];
    } else if (key) {
      const [, leftOut, name, rest] = key;
      const [value, remark] = apart(rest);
      const lines = remark ? [...text, remark[0].toUpperCase() + remark.slice(1)] : text;
      sections.at(-1).keys.push({ name, value, leftOut: Boolean(leftOut), text: lines });
      text = [];
    } else if (line.startsWith('#')) {
      text.push(line.replace(/^# ?/, ''));
    } else if (sections.length === 0) {
      // What stands above the first section is about the file.
      text = [];
    }
  }
  if (text.length) throw new Error(`config.toml ends with words that belong to no key: ${text[0]}`);
  return sections;
}

/** A value, and the remark behind it if there is one. */
function apart(rest) {
  let quoted = false;
  for (let at = 0; at < rest.length; at++) {
    if (rest[at] === '"') quoted = !quoted;
    if (rest[at] === '#' && !quoted) return [rest.slice(0, at).trim(), rest.slice(at + 1).trim()];
  }
  return [rest.trim(), ''];
}

/** What would be markup is shown as it is, except between backticks. */
function shown(line) {
  const escaped = (text) => text.replace(/[<*]/g, '\\$&').replace(/(\$\{[^}]*\})/g, '`$1`');
  return line.split('`').map((part, nth) => (nth % 2 ? part : escaped(part))).join('`');
}

/** Lines of a comment as Markdown: those that are set in are tables, and kept as they are. */
function markdown(lines) {
  const out = [];
  let table = false;
  for (const line of lines) {
    const inTable = line.startsWith('  ');
    if (inTable !== table) out.push(inTable ? '\n```text' : '```\n');
    table = inTable;
    out.push(inTable ? line.slice(2) : shown(line));
  }
  if (table) out.push('```');
  return out.join('\n').trim();
}

/** The page. */
export function page(toml) {
  const out = [HEAD];
  for (const section of read(toml)) {
    const brackets = section.many ? `[[${section.name}]]` : `[${section.name}]`;
    out.push(`## \`${brackets}\`\n`);
    if (section.text.length) out.push(`${markdown(section.text)}\n`);
    let said = '';
    for (const key of section.keys) {
      out.push(`### \`${section.name}.${key.name}\`\n`);
      const how = key.leftOut || section.leftOut ? 'Left out; it would be written' : 'In the file';
      out.push(`${how}: \`${key.value}\`\n`);
      if (key.text.length) out.push(`${markdown(key.text)}\n`);
      // One comment may be about several keys in a row.
      else if (said) out.push(`See \`${said}\`.\n`);
      if (key.text.length) said = key.name;
    }
  }
  return `${out.join('\n').trimEnd()}\n`;
}

/** The page of the present `config.toml`. */
export const present = () => page(readFileSync(FROM, 'utf8'));

if (process.argv[1] === fileURLToPath(import.meta.url)) writeFileSync(TO, present());
