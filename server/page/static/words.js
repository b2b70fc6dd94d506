// The page's words: one table per language, chosen by the browser or by the visitor.

const KEY = 'steadfast-language';
export const LANGUAGES = { en: 'English', de: 'Deutsch' };

let table = {};
let chosen = 'en';

/** The language in use. */
export const language = () => chosen;

function wanted() {
  const asked = new URLSearchParams(location.search).get('lang');
  const kept = asked || localStorage.getItem(KEY);
  const liked = [kept, ...navigator.languages].filter(Boolean).map((l) => l.slice(0, 2));
  return liked.find((l) => l in LANGUAGES) || 'en';
}

/** Loads the table of the visitor's language. */
export async function load(base) {
  chosen = wanted();
  table = await (await fetch(`${base}words/${chosen}.json`)).json();
  document.documentElement.lang = chosen;
}

/** Keeps another language; the page is loaded again in it. */
export function choose(code) {
  localStorage.setItem(KEY, code);
  const here = new URL(location.href);
  here.searchParams.delete('lang');
  location.assign(here);
}

/** The words of a key, with {names} filled in. A missing key shows itself, and fails a test. */
export function t(key, values = {}) {
  const found = table[key];
  if (found === undefined) console.error(`no words for ${key}`);
  return (found ?? key).replace(/\{(\w+)\}/g, (whole, name) => (name in values ? values[name] : whole));
}

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
