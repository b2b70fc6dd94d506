// The page's words: one table per language, chosen by the browser or by the visitor.

import de from './words/de.json' with { type: 'json' };
import en from './words/en.json' with { type: 'json' };
import { read, write } from './storage.js';

const KEY = 'steadfast-language';
export const LANGUAGES = { en: 'English', de: 'Deutsch' };
const TABLES = { en, de };

let table = en;
let chosen = 'en';

/** The language in use. */
export const language = () => chosen;

function wanted() {
  const asked = new URLSearchParams(location.search).get('lang');
  const kept = asked || read(KEY);
  const liked = [kept, ...navigator.languages].filter(Boolean).map((l) => l.slice(0, 2));
  return liked.find((l) => l in LANGUAGES) || 'en';
}

/** Takes the table of the visitor's language. */
export function settle() {
  chosen = wanted();
  table = TABLES[chosen];
  const page = document.documentElement;
  page.lang = chosen;
  // Gradio's scripts put the browser's language there.
  new MutationObserver(() => { if (page.lang !== chosen) page.lang = chosen; })
    .observe(page, { attributes: true, attributeFilter: ['lang'] });
}

/** Keeps another language; the page is loaded again in it. */
export function choose(code) {
  const here = new URL(location.href);
  if (write(KEY, code)) here.searchParams.delete('lang');
  else here.searchParams.set('lang', code);
  location.assign(here);
}

/** The words of a key, with {names} filled in. A missing key shows itself, and fails a test. */
export function t(key, values = {}) {
  const found = table[key];
  if (found === undefined) console.error(`no words for ${key}`);
  return (found ?? key).replace(/\{(\w+)\}/g, (whole, name) => (name in values ? values[name] : whole));
}

const SAID = Object.keys(en).filter((key) => key.startsWith('said.'))
  .sort((a, b) => en[b].replace(/\{\w+\}/g, '').length - en[a].replace(/\{\w+\}/g, '').length)
  .map((key) => {
    const names = [...en[key].matchAll(/\{(\w+)\}/g)].map((m) => m[1]);
    const source = en[key].split(/\{\w+\}/).map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')).join('([\\s\\S]*?)');
    return { key, names, pattern: new RegExp(`^${source}$`) };
  });

/** Names of what is filled in that is a sentence or a word of the server's own. */
const NESTED = ['why', 'where', 'hint', 'what', 'unit', 'kind', 'device'];
const LISTS = ['others', 'tasks'];

const nested = (name, text) => (NESTED.includes(name) ? said(text) : LISTS.includes(name) ? text.split(', ').map(said).join(', ') : text);

/** A sentence of the server in the language in use: the English table has its pattern. As it came where it has none. */
export function said(text) {
  if (chosen === 'en') return text;
  for (const { key, names, pattern } of SAID) {
    const found = text.match(pattern);
    if (found) return t(key, Object.fromEntries(names.map((name, n) => [name, nested(name, found[n + 1])])));
  }
  return text;
}

/** What an error means for the visitor. */
export const told = (error) => t(`error.${error.kind || 'server'}`, { why: said(error.message) });

/** Whether there are words of a key. */
export const known = (key) => key in table;

/** Words of a key with `.one` or `.other`, by a number. */
export const count = (key, n, values = {}) =>
  t(`${key}.${new Intl.PluralRules(chosen).select(n) === 'one' ? 'one' : 'other'}`, { n, ...values });

/** A number with at most some decimals, as the language writes it. */
export const number = (value, decimals = 0) =>
  new Intl.NumberFormat(chosen, { maximumFractionDigits: decimals, minimumFractionDigits: decimals })
    .format(Math.abs(value) < 0.5 * 10 ** -decimals ? 0 : value);

/** A number with its sign. */
export const signed = (value, decimals = 1) =>
  (value > 0 && number(value, decimals) !== number(0, decimals) ? '+' : '') + number(value, decimals);

/** The sentence that names a task: 'find where somebody is'. */
export const taskName = (task) =>
  task === null ? t('task.own') : known(`task.${task.id}`) ? t(`task.${task.id}`) : task.title;
