// Cards 5 and 6 of *Try*: the measurement with the visitor's guess, and the wordings of the visit.

import { post } from './api.js';
import { expected, ladder } from './draw.js';
import { h, redraw } from './html.js';
import {
  earlier, keep, looked, measure, measured, measurement, modelName, retry, running, shortName,
  state, stop, use,
} from './live.js';
import { OWN, asked, challenge, request, visit, wordingKey } from './store.js';
import { known, number, t, told } from './words.js';
import { compare, hardest, suggestions } from './dialogs.js';
import { floor } from './try_view.js';

const cards = {};
let picked = [];
const round = (value) => number(value);

/** Lays out both strips. */
export function build() {
  cards.measure = h('div', { class: 'sf-body sf-measure' });
  cards.visit = h('div', { class: 'sf-body sf-visit' });
  return [
    h('section', { id: 'sf-measure', class: 'sf-part sf-strip', 'aria-label': t('measure.title') }, cards.measure),
    h('section', { id: 'sf-visit', class: 'sf-part sf-strip', 'aria-label': t('visit.title') }, cards.visit),
  ];
}

const row = () => visit.find((r) => r.key === wordingKey());

function rungs() {
  const made = measurement();
  const usual = looked().data?.usual;
  if (usual === null || usual === undefined) return [];
  const rows = made.rungs.filter((r) => r.prediction.degradation !== null && r.prediction.tier !== 'measured').map((r) => {
    const p = r.prediction;
    const name = p.tier === 'distance' ? t('rung.distance') : t(`rung.${p.tier}`, { n: r.calls });
    return { name, value: usual - p.degradation, low: usual - p.high, high: usual - p.low };
  });
  made.found.forEach((m, n) => {
    rows.push({ name: t('rung.measured', { n: m.n, model: modelName(n, ...made.found.map((one) => one.model)) }), value: m.accuracy, low: m.accuracy_low, high: m.accuracy_high, counted: true, aligned: n > 0 });
  });
  return rows;
}

/** The sentence that a measurement ends in. */
export function verdict() {
  const found = measured();
  if (!found.length || running()) return '';
  const look = looked().data;
  const own = look && expected(look);
  const [first, second] = found;
  const parts = [t('measure.result', { n: round(first.accuracy), of: round(first.n) })];
  if (own && look.prediction.tier !== 'measured') {
    const inside = first.accuracy >= own.low - 1e-9 && first.accuracy <= own.high + 1e-9;
    parts.push(t(inside ? 'measure.inside' : 'measure.outside'));
  }
  parts[0] += floor(first.degradation, first.noise_floor);
  if (second) parts.push(t('measure.aligned', { n: round(second.accuracy), model: modelName(1, first.model, second.model) }) + floor(second.accuracy - first.accuracy, second.difference_noise_floor));
  const mine = row()?.guess;
  if (mine !== undefined && own) {
    const [a, b] = [Math.abs(mine - first.accuracy), Math.abs(own.value - first.accuracy)];
    parts.push(t(a < b ? 'guess.nearer' : a > b ? 'guess.farther' : 'guess.equal', { n: round(mine) }));
  }
  return parts.join(' ');
}

function guesser() {
  const { data: look, error } = looked();
  if (state.empty || error || look?.usual === null || asked.task === OWN || measured().length || running()) return null;
  const mine = row()?.guess;
  const out = h('output', { for: 'sf-guess' }, mine === undefined ? '–' : round(mine));
  return h('label', { class: 'sf-guesser' }, h('span', null, t('guess.label')),
    h('input', {
      type: 'range', id: 'sf-guess', min: '0', max: '100', step: '1', disabled: !look, value: String(Math.round(mine ?? 50)),
      oninput: (e) => { out.textContent = round(Number(e.target.value)); },
      onchange: (e) => { keep({ guess: Number(e.target.value) }); redrawGuess(); },
    }), out);
}

let redrawGuess = () => {};
/** Calls a function when the visitor has guessed. */
export const onGuess = (listener) => { redrawGuess = listener; };

function action() {
  const made = running();
  if (made) {
    const [done, total] = made.progress || [0, 128];
    return h('button', { type: 'button', id: 'sf-stop', class: 'sf-go', 'data-heirs': 'sf-go', onclick: stop }, t('measure.stop', { done: round(done), total: round(total) }));
  }
  const off = state.empty || asked.task === OWN || state.away;
  return h('button', { type: 'button', id: 'sf-go', class: 'sf-go', 'data-heirs': 'sf-stop', disabled: off, 'aria-keyshortcuts': 'Control+Enter', onclick: measure }, t('measure.button'));
}

function outcome() {
  const other = earlier.measure();
  if (other) {
    const before = visit.find((r) => r.key === other.key);
    return h('p', { class: 'sf-soft sf-stale' }, t('measure.stale', { n: round(other.found[0].accuracy), text: (before?.instruction || '').slice(0, 70) }));
  }
  const made = measurement();
  if (!made.key) return h('p', { class: 'sf-soft' }, asked.task === OWN ? t('measure.own') : t('measure.hint'));
  if (made.error) {
    return h('div', { class: 'sf-error', role: 'alert' }, h('p', null, told(made.error)),
      h('button', { type: 'button', id: 'sf-retry-measure', 'data-heirs': 'sf-stop sf-go', onclick: () => retry('measure') }, t('error.retry')));
  }
  if (made.stopped) return h('p', null, t('measure.stopped', { done: round(made.stopped[0]), total: round(made.stopped[1] || 128) }));
  return h('p', { class: 'sf-result' }, verdict() || t('measure.running'));
}

function board() {
  const done = visit.filter((r) => r.guess !== undefined && r.measured !== undefined && r.value !== null);
  if (!done.length) return null;
  const won = done.filter((r) => Math.abs(r.guess - r.measured) < Math.abs(r.value - r.measured)).length;
  return h('span', { class: 'sf-board' }, t('guess.board', { n: round(won), of: round(done.length) }));
}

/** What a row of the visit differs in from others with its wording, and its model if it is not the original. */
function differs(r) {
  const twins = visit.filter((other) => other.instruction === r.instruction);
  const varies = (field) => twins.some((other) => (other[field] || '') !== (r[field] || ''));
  return [
    varies('task') ? known(`task.${r.task}`) ? t(`task.${r.task}`) : r.task ?? t('task.own') : '',
    varies('text') ? r.text : '',
    r.model ? shortName(r.model) : '',
    varies('aligned') && r.aligned ? `+ ${shortName(r.aligned)}` : '',
  ].filter(Boolean).join(', ');
}

function entry(r, n) {
  const text = r.instruction.replace(/\s+/g, ' ');
  const apart = differs(r);
  const values = [r.value === null ? '–' : round(r.value)];
  if (r.measured !== undefined) values.push(t('visit.measured', { n: round(r.measured) }));
  return h('li', null,
    h('button', { type: 'button', id: `sf-visit-${n}`, 'aria-current': r.key === wordingKey() ? 'true' : null, title: text, onclick: () => use({ instruction: r.instruction, task: r.task ?? OWN, text: r.text || '', options: (r.options || []).join(' | '), model: r.model || '', aligned: r.aligned || '' }) },
      h('span', { class: 'sf-clip' }, text), apart ? h('span', { class: 'sf-soft' }, ` ${apart}`) : null, ' ', h('b', null, values[0]), values[1] ? ` (${values[1]})` : ''),
    h('label', { class: 'sf-choose', title: t('visit.pick') }, h('input', {
      type: 'checkbox', id: `sf-pick-${n}`, 'aria-label': t('visit.pick.this', { text }), checked: picked.includes(r.key),
      onchange: (e) => { picked = e.target.checked ? [...picked, r.key].slice(-2) : picked.filter((k) => k !== r.key); draw(); },
    })));
}

let drawn = '';

/** Draws both strips anew, if what they show has changed. */
export function draw() {
  const { rungs: found, ...measure_ } = measurement();
  const { data: look, error } = looked();
  const shown = JSON.stringify([wordingKey(), measure_, found.length, measure_.error?.kind, running()?.progress, earlier.measure()?.key, visit, picked, state.empty, state.away, look?.usual, look && expected(look), look?.prediction.tier, Boolean(error)]);
  if (shown === drawn) return;
  drawn = shown;
  redraw(cards.measure, action(), h('div', { class: 'sf-ladder-box' }, rungs().length ? ladder(rungs(), look.usual) : null, guesser()), outcome());
  picked = picked.filter((k) => visit.some((r) => r.key === k));
  const two = picked.map((k) => visit.find((r) => r.key === k));
  redraw(cards.visit, h('span', { class: 'sf-soft' }, t('visit.title')), board(),
    visit.length ? h('ol', { class: 'sf-tried', tabindex: '0', 'aria-label': t('visit.title') }, visit.slice(0, 12).map(entry)) : h('span', { class: 'sf-soft' }, t('visit.empty')),
    h('span', { class: 'sf-buttons' },
      h('button', { type: 'button', id: 'sf-compare', disabled: two.length !== 2, onclick: () => compare(two.map((r) => ({ ...r, apart: differs(r) }))) }, t('visit.compare')),
      h('button', { type: 'button', id: 'sf-better', disabled: state.empty || asked.task === OWN || state.away, onclick: better }, t('visit.better')),
      h('button', { type: 'button', id: 'sf-challenge', onclick: () => hardest(challenge(), use) }, t('challenge.button'))));
}

function better() {
  suggestions(() => post('advise', request()), use);
}
