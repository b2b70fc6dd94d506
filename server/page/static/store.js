// What the visitor asks, kept in the address; what was tried, kept in this browser.

import { read, write } from './storage.js';

const VISIT = 'steadfast-visit';
const CHALLENGE = 'steadfast-challenge';
const MOST = 24;

/** The fields of what is asked -> their names in the address. */
const NAMES = {
  instruction: 'w', task: 't', text: 'text', options: 'options', model: 'm', aligned: 'a',
  evidence: 'evidence', question: 'q', tab: 'tab', job: 'job',
};
const DEFAULTS = {
  instruction: '', task: '', text: '', options: '', model: '', aligned: '', evidence: '16',
  question: '', tab: 'try', job: '',
};
export const OWN = 'own';

/** What is asked now; an empty `model` is the original, an empty `aligned` the first aligned one. */
export const asked = { ...DEFAULTS };

const listeners = new Set();

/** Calls a function after every change with the names of what changed. */
export const onChange = (listener) => listeners.add(listener);

/** Whether the address names a wording. */
export const addressed = () => new URLSearchParams(location.search).has(NAMES.instruction);

/** Takes what is asked from the address. */
export function restore() {
  const given = new URLSearchParams(location.search);
  for (const [field, name] of Object.entries(NAMES))
    if (given.has(name)) asked[field] = given.get(name);
}

/** The address of what is asked, on this server or a public one. */
export function address(root = location.href) {
  const made = new URL(root);
  if (root !== location.href) made.search = '';
  for (const [field, name] of Object.entries(NAMES)) {
    if (asked[field] && asked[field] !== DEFAULTS[field]) made.searchParams.set(name, asked[field]);
    else made.searchParams.delete(name);
  }
  return made;
}

/** Changes what is asked. The address follows, unless `quiet`. */
export function change(fields, { quiet = false } = {}) {
  const changed = Object.keys(fields).filter((f) => asked[f] !== fields[f]);
  if (!changed.length) return;
  Object.assign(asked, fields);
  if (!quiet) history.replaceState(history.state, '', address());
  for (const listener of listeners) listener(changed);
}

const given = () => asked.options.split('|').map((o) => o.trim()).filter(Boolean);

/** Whether an option of the own question is there twice; it counts once. */
export const repeated = () => given().length > new Set(given()).size;

/** The request of what is asked. */
export const request = () => ({
  instruction: asked.instruction, task: asked.task === OWN ? null : asked.task,
  text: asked.task === OWN ? asked.text : '',
  options: asked.task === OWN ? [...new Set(given())] : [],
  model: asked.model || null, aligned: asked.aligned || null,
});

const EVIDENCE = {
  16: {}, 64: { probe: 64 }, l16: { labelled: 16 }, l32: { labelled: 32 }, l64: { labelled: 64 },
};
export const EVIDENCES = Object.keys(EVIDENCE);

/** The part of a request that says what a prediction is made from. */
export const evidence = () => EVIDENCE[asked.evidence] || {};

/** What a prediction belongs to; a reply with another key is late. */
export const predictionKey = () =>
  JSON.stringify({ ...request(), aligned: null, evidence: evidence() });

/** What answers and measurements belong to. */
export const wordingKey = () => JSON.stringify(request());

/**
 * For what awaits a reply: called before it, gives a function that says after it whether the reply
 * is still wanted: nothing was asked for later, and what `keyOf` gives is as it was.
 */
export function guard(keyOf) {
  let latest = 0;
  return () => {
    const [mine, key] = [++latest, keyOf()];
    return () => mine === latest && key === keyOf();
  };
}

function kept(name) {
  try {
    const found = JSON.parse(read(name) || '[]');
    return Array.isArray(found) ? found : [];
  } catch {
    return [];
  }
}

const keep = (name, rows) => write(name, JSON.stringify(rows));

/** The wordings of this visit, newest first. */
export const visit = kept(VISIT);

/** Adds a wording, or adds to what is known of one. */
export function remember(key, fields) {
  const at = visit.findIndex((row) => row.key === key);
  const row = { ...(at < 0 ? { key, ...request() } : visit[at]), ...fields };
  if (at < 0) visit.unshift(row);
  else visit[at] = row;
  visit.splice(MOST);
  keep(VISIT, visit);
  if (row.measured !== undefined && row.usual !== null && row.task !== null) enter(row);
  return row;
}

function enter(row) {
  const rows = kept(CHALLENGE).filter((r) => r.instruction !== row.instruction || r.task !== row.task);
  rows.push({
    instruction: row.instruction, task: row.task, usual: row.usual, measured: row.measured,
    model: row.model,
  });
  rows.sort((a, b) => b.usual - b.measured - (a.usual - a.measured));
  keep(CHALLENGE, rows.slice(0, 10));
}

/** The measured wordings that lost most, on this machine. */
export const challenge = () => kept(CHALLENGE);

/** Forgets the visit and the challenge. */
export function forget() {
  visit.length = 0;
  write(VISIT, null);
  write(CHALLENGE, null);
}
