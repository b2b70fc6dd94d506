// What is known of what is asked: prediction, answers, measurement, each with the text it is of.

import { get, lines, post } from './api.js';
import {
  OWN, asked, change, evidence, guard, onChange, predictionKey, remember, request, visit, wordingKey,
} from './store.js';
import { expected } from './draw.js';
import { t } from './words.js';

const REST = 400;
/** Milliseconds after the last key before both models answer. */

const SLOW = 250;
/** Milliseconds of a prediction beyond which a number from fewer inputs is asked for before it. */
const SOON = 150;
/** Milliseconds that such a number waits for the whole prediction before it is drawn. */

export const state = {
  empty: true, server: null, away: false, opening: [], attract: false,
};

const NOTHING = { data: null, error: null, early: false, key: '' };
const UNMEASURED = { rungs: [], found: [], progress: null, running: false, error: null, stopped: null, key: '' };
/**
 * The last replies, each with the key of what it is of. Only the functions below hand them out: the
 * wording, the task, the model or the evidence may have changed since.
 */
const last = { look: NOTHING, answers: NOTHING, measure: UNMEASURED };

/** The prediction of what is asked now; nothing while it has not come. `early`: more is being read. */
export const looked = () => (last.look.key === predictionKey() ? last.look : NOTHING);
/** The answers to what is asked now; nothing while they have not come. */
export const answered = () => (last.answers.key === wordingKey() ? last.answers : NOTHING);
/** The measurement of what is asked now; an empty one where it has not been measured. */
export const measurement = () => (last.measure.key === wordingKey() ? last.measure : UNMEASURED);
/** Measurements of what is asked now that have come, the original's first. */
export const measured = () => measurement().found;
/** The key and the results of an earlier wording, by kind; null where there are none. */
export const earlier = {
  look: () => (last.look.data && looked() !== last.look ? last.look : null),
  answers: () => (last.answers.data && answered() !== last.answers ? last.answers : null),
  measure: () => (last.measure.found.length && measurement() !== last.measure ? last.measure : null),
};
/** The running measurement, whatever it is of; null where none runs. */
export const running = () => (last.measure.running ? last.measure : null);

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
const answering = guard(wordingKey);

const enough = () => asked.instruction.trim() !== '' && (asked.task !== OWN || asked.text.trim() !== '');

/** Whether both models can answer what is asked: an own question needs options. */
export const comparable = () => asked.task !== OWN || request().options.length > 1;

/** Whether the model is still being loaded: what it could not answer is asked again when it is there. */
export const loading = () => !state.server || (!state.server.ready && state.server.loading.length > 0);
const waits = (error) => error?.kind === 'busy' && loading();

/** The recorded replies to an opening example, if that is what is asked. */
function recorded() {
  const plain = !asked.model && !asked.aligned && asked.evidence === '16';
  return plain && state.opening.find((e) => e.shown && e.asked.instruction === asked.instruction && e.asked.task === asked.task);
}

function replay(found) {
  last.look = { ...NOTHING, data: found.shown.look, key: predictionKey() };
  last.answers = { ...NOTHING, data: found.shown.answers, key: wordingKey() };
  tell('look');
}

/** The backbone of a model, by default of the one that is asked, as the server describes it. */
export function backbone(model = asked.model) {
  const { server } = state;
  const name = model.split('+')[0];
  return server?.others?.find((other) => other.original === name) || server;
}

/**
 * What the two models are called that answer what is asked: the original and the aligned one; by
 * their ids, without the backbone's, where the original is not among them.
 */
export function modelName(n, model = asked.model, aligned = asked.aligned) {
  if (!model?.includes('+')) return t(n ? 'model.aligned' : 'model.original');
  return shortName(n ? aligned || backbone(model)?.aligned?.[0] || '' : model);
}

/** The id of an aligned model without its backbone's. */
export const shortName = (id) => id.split('+').pop();

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
          last.look = { ...NOTHING, data: found, early: true, key };
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
    away(waits(error) ? null : error);
    if (error && recorded()) replay(recorded());
    else if (waits(error)) {
      last.look = NOTHING;
      tell('look');
    } else {
      last.look = { ...NOTHING, data: made, error, key };
      if (answered().data) rested();
      tell('look');
    }
  }
  if (again) {
    again = false;
    if (enough() && looked() === NOTHING) look();
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
  const wanted = answering();
  let data = null;
  let error = null;
  try {
    data = await post('answers', request(), control.signal);
  } catch (problem) {
    if (problem.name === 'AbortError') return;
    error = problem;
  }
  if (!wanted()) return;
  if (error && recorded()) data = recorded().shown.answers;
  last.answers = waits(error) && !data ? NOTHING : { ...NOTHING, data, error: data ? null : error, key };
  rested();
  tell('answers');
}

/** Keeps what is asked in the visit, with its prediction and what is given; nothing before there is one. */
export function keep(fields = {}) {
  const look = looked().data;
  if (!look) return;
  const own = expected(look);
  const [first, second] = last.measure.running ? [] : measured();
  remember(wordingKey(), {
    usual: look.usual, degradation: look.prediction.degradation, value: own?.value ?? null,
    low: own?.low ?? null, high: own?.high ?? null, counted: look.prediction.tier === 'measured',
    ...(first ? { measured: first.accuracy, aligned_measured: second?.accuracy ?? null } : {}), ...fields,
  });
}

/** The wording has been looked at long enough to belong to the visit. */
function rested() {
  if (state.attract || looked().early) return;
  keep();
  tell('visit');
}

/** Has everything follow what is asked. */
export function follow(now = false) {
  clearTimeout(resting);
  state.empty = !enough();
  const key = wordingKey();
  if (last.measure.running && last.measure.key !== key) stop();
  if (answered() === NOTHING) asking?.abort();
  if (state.empty) {
    last.look = NOTHING;
    tell('look');
    return;
  }
  if (now && looked().error) last.look = NOTHING;
  if (now && answered().error) last.answers = NOTHING;
  if (looked() === NOTHING) {
    const found = recorded();
    if (found && !state.server?.ready) replay(found);
    else look();
  }
  const fresh = comparable() && !answered().data && !(recorded() && !state.server?.ready);
  resting = setTimeout(fresh ? answer : rested, now ? 0 : REST);
  tell('asked');
}

onChange((changed) => {
  if (changed.some((f) => !['tab', 'question', 'job'].includes(f))) follow();
  else tell('asked');
});

/** Asks again after an error. */
export function retry(kind) {
  if (kind === 'look') {
    last.look = NOTHING;
    look();
  }
  if (kind === 'answers') {
    last.answers = NOTHING;
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
  if (last.measure.running || state.empty || asked.task === OWN) return;
  const control = (measuring = new AbortController());
  const key = wordingKey();
  const made = { rungs: [], found: [], progress: null, running: true, error: null, stopped: null, key };
  last.measure = made;
  rested();
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
