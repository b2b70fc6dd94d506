// What is known of what is asked: prediction, answers, measurement, each with the text it is of.

import { get, lines, post } from './api.js';
import {
  OWN, asked, change, evidence, onChange, predictionKey, remember, request, visit, wordingKey,
} from './store.js';
import { expected } from './draw.js';

const REST = 400;
/** Milliseconds after the last key before both models answer. */

const SLOW = 250;
/** Milliseconds of a prediction beyond which a number from fewer inputs is asked for before it. */
const SOON = 150;
/** Milliseconds that such a number waits for the whole prediction before it is drawn. */

/**
 * `data` is always of the text that is shown; `late` says that the text has changed since, `early`
 * that more is being read.
 */
export const state = {
  empty: true, server: null, away: false, opening: [], attract: false,
  look: { data: null, error: null, late: false, key: '' },
  answers: { data: null, error: null, key: '', staleKey: '' },
  measure: { rungs: [], found: [], progress: null, running: false, error: null, stopped: null, key: '' },
};

const listeners = new Set();
/** Calls a function when something has become known. */
export const onKnown = (listener) => listeners.add(listener);
const tell = (what) => listeners.forEach((listener) => listener(what));

/** Model -> milliseconds of its last prediction; the first one may take any time. */
const lasted = new Map();
let looking = false;
let again = false;
let resting;
let asking;
let measuring;

/** The measurements of the text that is shown, the original's first. */
export const measured = () => (state.measure.key === wordingKey() ? state.measure.found : []);

const enough = () => asked.instruction.trim() !== '' && (asked.task !== OWN || asked.text.trim() !== '');

/** The recorded replies to an opening example, if that is what is asked. */
function recorded() {
  const plain = !asked.model && !asked.aligned && asked.evidence === '16';
  return plain && state.opening.find((e) => e.shown && e.asked.instruction === asked.instruction && e.asked.task === asked.task);
}

function replay(found) {
  state.look = { data: found.shown.look, error: null, late: false, key: predictionKey() };
  state.answers = { data: found.shown.answers, error: null, key: wordingKey(), staleKey: '' };
  tell('look');
}

/** The backbone of a model, by default of the one that is asked, as the server describes it. */
export function backbone(model = asked.model) {
  const { server } = state;
  const name = model.split('+')[0];
  return server?.others?.find((other) => other.original === name) || server;
}

/** What the server says of a backbone that has been loaded by now. */
async function described() {
  try {
    state.server = await get('state');
    tell('server');
  } catch { /* It is asked again with the next prediction. */ }
}

/** The prediction; where it takes long, those from fewer inputs are drawn before it. */
async function predicted(key) {
  const { aligned, ...body } = request();
  const more = evidence();
  const model = asked.model;
  const early = (lasted.get(model) ?? Infinity) < SLOW || asked.task === OWN ? [] : [['first', body]];
  if (early.length && (more.probe || more.labelled)) early.push(['wording', body]);
  let waiting;
  try {
    for (const [path, what] of early) {
      const found = await post(path, what);
      clearTimeout(waiting);
      if (key !== predictionKey() || !enough()) return null;
      if (found) {
        waiting = setTimeout(() => {
          if (key !== predictionKey()) return;
          state.look = { data: found, error: null, late: false, early: true, key };
          tell('look');
        }, SOON);
      }
    }
    const began = performance.now();
    const made = await post('wording', { ...body, ...more });
    lasted.set(model, performance.now() - began);
    return made;
  } finally {
    clearTimeout(waiting);
  }
}

async function look() {
  if (looking) {
    again = true;
    return;
  }
  looking = true;
  const key = predictionKey();
  let made = null;
  let error = null;
  try {
    made = await predicted(key);
  } catch (problem) {
    error = problem;
  }
  looking = false;
  if (backbone()?.loaded === false) described();
  if (key === predictionKey() && enough()) {
    away(error);
    if (error && recorded()) replay(recorded());
    else {
      state.look = { data: made, error, late: false, key };
      if (state.answers.data && state.answers.key === wordingKey()) rested(wordingKey());
      tell('look');
    }
  }
  if (again) {
    again = false;
    if (enough() && state.look.key !== predictionKey()) look();
  }
}

/** Says that the server is away, or that it is back. */
export function away(error) {
  const gone = Boolean(error) && (error.kind === 'away' || error.kind === 'busy');
  if (gone !== state.away) {
    state.away = gone;
    tell('server');
  }
}

async function answer() {
  asking?.abort();
  const control = (asking = new AbortController());
  const key = wordingKey();
  let data = null;
  let error = null;
  try {
    data = await post('answers', request(), control.signal);
  } catch (problem) {
    if (problem.name === 'AbortError') return;
    error = problem;
  }
  if (key !== wordingKey()) return;
  if (error && recorded()) data = recorded().shown.answers;
  state.answers = { data, error: data ? null : error, key, staleKey: '' };
  rested(key);
  tell('answers');
}

/** The wording has been looked at long enough to belong to the visit. */
function rested(key) {
  const look = state.look.data;
  if (state.attract || !look || state.look.early || state.look.key !== predictionKey()) return;
  const own = expected(look);
  remember(key, {
    usual: look.usual, degradation: look.prediction.degradation, value: own?.value ?? null,
    low: own?.low ?? null, high: own?.high ?? null,
  });
  tell('visit');
}

/** Has everything follow what is asked. */
export function follow(now = false) {
  clearTimeout(resting);
  state.empty = !enough();
  const key = wordingKey();
  if (state.measure.running && state.measure.key !== key) stop();
  if (state.answers.key !== key) {
    state.answers = { data: null, error: null, key: '', staleKey: state.answers.key || state.answers.staleKey };
    asking?.abort();
  }
  if (state.empty) {
    state.look = { data: null, error: null, late: false, key: '' };
    tell('look');
    return;
  }
  if (state.look.key !== predictionKey() || (now && state.look.error)) {
    state.look = { ...state.look, data: state.look.data, late: true };
    if (state.look.error) state.look = { data: null, error: null, late: false, key: '' };
    const found = recorded();
    if (found && !state.server?.ready) replay(found);
    else look();
  }
  const compared = asked.task !== OWN || request().options.length > 1;
  const fresh = compared && !state.answers.data && !(recorded() && !state.server?.ready);
  resting = setTimeout(fresh ? answer : () => rested(wordingKey()), now ? 0 : REST);
  tell('asked');
}

onChange((changed) => {
  if (changed.some((f) => !['tab', 'question', 'job'].includes(f))) follow();
  else tell('asked');
});

/** Asks again after an error. */
export function retry(kind) {
  if (kind === 'look') {
    state.look = { data: null, error: null, late: true, key: '' };
    look();
  }
  if (kind === 'answers') {
    state.answers = { data: null, error: null, key: '', staleKey: '' };
    answer();
  }
  if (kind === 'measure') measure();
  tell('asked');
}

/** Takes a wording: an example, one of the visit, a suggestion. */
export function use(fields) {
  change({ text: '', options: '', question: '', ...fields });
}

/** Measures the wording on both models; what comes is drawn as it comes. */
export async function measure() {
  if (state.measure.running || state.empty || asked.task === OWN) return;
  const control = (measuring = new AbortController());
  const key = wordingKey();
  const made = { rungs: [], found: [], progress: null, running: true, error: null, stopped: null, key };
  state.measure = made;
  rested(key);
  tell('measure');
  try {
    await lines('measure', request(), (row) => {
      if (row.rung) made.rungs.push(row.rung);
      if (row.progress) made.progress = row.progress;
      if (row.measured) made.found.push(row.measured);
      tell('measure');
    }, control.signal);
  } catch (error) {
    if (error.name === 'AbortError') made.stopped = made.progress || [0, 0];
    else made.error = error;
  }
  made.running = false;
  if (made.found.length && visit.some((row) => row.key === key)) {
    const [own, aligned] = made.found;
    remember(key, { measured: own.accuracy, aligned_measured: aligned?.accuracy ?? null });
  }
  tell('measured');
}

/** Ends a running measurement. */
export function stop() {
  measuring?.abort();
}
