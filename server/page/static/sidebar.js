// The closed sidebar: models, evidence, the exact prompt, whether the instruction is read, settings.

import { lines, send, text } from './api.js';
import { replayed } from './dialogs.js';
import { h, redraw } from './html.js';
import { backbone, looked, modelName, state } from './live.js';
import { EVIDENCES, OWN, asked, change, forget, request, wordingKey } from './store.js';
import { LANGUAGES, choose, language, number, said, t, told } from './words.js';

let panel;
let opener;
const parts = {};
/** The latest run of each, with the key of the wording that it is of. */
let relied = { key: '', progress: null, made: null, error: null, control: null };
let written = { key: '', texts: [], busy: false, control: null };
let hooks = {};

/** Lays the sidebar out in a node; `given` are functions that other parts of the page offer. */
export function build(given) {
  hooks = given;
  parts.models = h('div');
  parts.prompt = h('div');
  parts.reliance = h('div', { 'aria-live': 'polite' });
  parts.free = h('div', { 'aria-live': 'polite' });
  parts.sampling = sampling();
  panel = h('aside', { id: 'sf-side', class: 'sf-side', hidden: true, 'aria-label': t('side.title') },
    h('div', { class: 'sf-dialog-head' }, h('h2', { id: 'sf-side-title', tabindex: '-1' }, t('side.title')),
      h('button', { type: 'button', class: 'sf-close', 'aria-label': t('close'), onclick: close }, '×')),
    block('side.own', h('p', null, t('side.own.says')), h('button', { type: 'button', id: 'sf-to-own', onclick: () => { change({ task: OWN, question: '' }); document.getElementById('sf-own-text')?.focus(); } }, t('side.own.button'))),
    block('side.model', parts.models), block('side.prompt', parts.prompt),
    block('side.reliance', parts.reliance), block('side.free', parts.sampling, parts.free),
    block('side.files', files()), block('side.settings', settings()));
  return panel;
}

const block = (title, ...children) => h('details', { class: 'sf-block', open: ['side.reliance', 'side.prompt', 'side.own'].includes(title) }, h('summary', null, t(title)), children);

/** Opens or closes the sidebar. */
export function toggle(button) {
  if (!panel.hidden) return close();
  opener = button;
  panel.hidden = false;
  button?.setAttribute('aria-expanded', 'true');
  draw();
  document.getElementById('sf-side-title').focus();
}

/** Closes it; the focus goes back to what opened it. Says whether it was open. */
export function close() {
  if (!panel || panel.hidden) return false;
  panel.hidden = true;
  opener?.setAttribute('aria-expanded', 'false');
  opener?.focus();
  return true;
}

function picker(id, label, options, value, take) {
  return h('label', { class: 'sf-line' }, h('span', null, label),
    h('select', { id, onchange: (e) => take(e.target.value) }, options.map(([v, words]) => h('option', { value: v, selected: v === value }, words))));
}

function models() {
  const server = state.server;
  if (!server?.ready) return [h('p', { class: 'sf-soft' }, t('state.loading.short'))];
  const all = [server, ...server.others].flatMap((b) => [b.original, ...b.aligned]);
  const here = backbone();
  const name = (id) => (id === server.original ? `${t('model.original')} (${id})` : id);
  return [
    picker('sf-model', t('side.predict.for'), all.map((id) => [id === server.original ? '' : id, name(id)]), asked.model, (v) => change({ model: v, ...(backbone(v) === here ? {} : { aligned: '' }) })),
    here.aligned.length ? picker('sf-aligned', t('side.beside'), here.aligned.map((id, n) => [n ? id : '', id]), asked.aligned, (v) => change({ aligned: v })) : h('p', null, t('answers.single')),
    picker('sf-evidence', t('side.evidence'), EVIDENCES.map((e) => [e, t(`evidence.${e}`)]), asked.evidence, (v) => change({ evidence: v })),
    h('p', { class: 'sf-soft', id: 'sf-engine' }, `${said(server.engine)} (${said(server.reason)}). ${server.withheld.map((w) => `${w.id}: ${said(w.reason)}.`).join(' ')} ${server.slower.map((m) => `${m.id}: ${m.scorer} (${m.reason.split('; ').map(said).join('; ')}).`).join(' ')}`),
  ];
}

function prompt() {
  const look = looked().data;
  if (!look || state.empty) return [h('p', { class: 'sf-soft' }, '…')];
  return [h('pre', { id: 'sf-prompt', tabindex: '0', class: 'sf-quote' }, look.prompt.text),
    h('p', { class: 'sf-soft' }, look.prompt.options.length ? t('side.prompt.options', { options: look.prompt.options.join(' | ') }) : t('side.prompt.none'))];
}

/** The sentence that answers whether the instruction is read. */
function sentence(made) {
  const empty = made.rows.find((r) => r.kind === 'empty');
  const given = made.rows.find((r) => r.kind === 'given');
  const values = { given: number(given.accuracy), empty: empty ? number(empty.accuracy) : '' };
  if (!empty) return t('reliance.unknown');
  if (empty.low > 0) return t('reliance.yes', values);
  if (empty.high < 0) return t('reliance.harms', values);
  return t('reliance.hardly', values);
}

async function rely() {
  relied.control?.abort();
  const run = { key: wordingKey(), progress: [0, 0], made: null, error: null, control: new AbortController() };
  relied = run;
  draw();
  const { text: _, options: __, aligned, ...body } = request();
  try {
    await lines('reliance', body, (row) => {
      if (row.progress) run.progress = row.progress;
      if (row.reliance) run.made = row.reliance;
      draw();
    }, run.control.signal);
  } catch (error) {
    if (error.name !== 'AbortError') run.error = error;
  }
  run.progress = null;
  draw();
}

function reliance() {
  if (asked.task === OWN || state.empty) return [h('p', { class: 'sf-soft' }, t('reliance.task'))];
  const here = relied.key === wordingKey();
  if (here && relied.progress) {
    return [h('button', { type: 'button', id: 'sf-rely', 'data-heirs': 'sf-relied', onclick: () => relied.control.abort() }, t('measure.stop', { done: number(relied.progress[0]), total: number(relied.progress[1]) }))];
  }
  const button = h('button', { type: 'button', id: 'sf-rely', disabled: state.away, onclick: rely }, t('reliance.button'));
  if (!here || (!relied.made && !relied.error)) return [h('p', { class: 'sf-soft' }, t('reliance.says')), button];
  if (relied.error) return [h('p', { role: 'alert' }, told(relied.error)), button];
  const rows = relied.made.rows.map((r) => h('tr', null, h('th', { scope: 'row' }, t(`kind.${r.kind.replaceAll(' ', '_')}`)), h('td', null, `${number(r.accuracy)} (${number(r.accuracy_low)}–${number(r.accuracy_high)})`), h('td', null, r.text)));
  return [h('p', { id: 'sf-relied', tabindex: '-1', class: 'sf-result' }, sentence(relied.made)),
    h('div', { class: 'sf-scroll', tabindex: '0', role: 'group', 'aria-label': t('side.reliance') }, h('table', { id: 'sf-altered' }, h('thead', null, h('tr', null, ['reliance.kind', 'reliance.right', 'reliance.text'].map((k) => h('th', { scope: 'col' }, t(k))))), h('tbody', null, rows))),
    h('p', { class: 'sf-soft' }, t('reliance.n', { n: number(relied.made.n), guess: number(relied.made.random_guess) }))];
}

function sampling() {
  const field = (name, value, min, max, step) => h('label', { class: 'sf-line' }, h('span', null, t(`free.${name}`)), h('input', { type: 'number', id: `sf-${name}`, value: String(value), min: String(min), max: String(max), step: String(step) }));
  return h('div', null, field('max_tokens', 8, 1, 64, 1), field('temperature', 0, 0, 2, 0.1), field('top_p', 1, 0.05, 1, 0.05), field('seed', 0, 0, 1e6, 1));
}

async function write() {
  written.control?.abort();
  const run = { key: wordingKey(), texts: [], busy: true, control: new AbortController() };
  written = run;
  const values = Object.fromEntries(['max_tokens', 'temperature', 'top_p', 'seed'].map((n) => [n, Number(document.getElementById(`sf-${n}`).value)]));
  draw();
  try {
    await lines('write', { ...request(), ...values }, (row) => {
      run.texts[row.model] = (run.texts[row.model] || '') + row.text;
      draw();
    }, run.control.signal);
  } catch (error) {
    if (error.name !== 'AbortError') run.error = error;
  }
  run.busy = false;
  draw();
}

function free() {
  const here = written.key === wordingKey();
  const busy = here && written.busy;
  return [h('button', { type: 'button', id: 'sf-write', disabled: state.empty || state.away, onclick: () => (busy ? written.control.abort() : write()) }, t(busy ? 'stop' : 'free.button')),
    here && written.error ? h('p', { role: 'alert' }, told(written.error)) : null,
    here ? written.texts.map((text_, n) => h('p', null, h('b', null, `${modelName(n)}: `), h('span', { class: 'sf-written' }, text_))) : null];
}

async function evidence(button) {
  button.disabled = true;
  button.textContent = t('files.busy');
  try {
    const made = await text('evidence', request());
    const link = h('a', { download: 'steadfast-evidence.json', href: URL.createObjectURL(new Blob([made], { type: 'application/json' })) });
    document.body.append(link);
    link.click();
    link.remove();
    button.textContent = t('files.evidence');
  } catch (error) {
    button.textContent = told(error);
  }
  button.disabled = false;
}

function files() {
  const save = h('button', { type: 'button', id: 'sf-evidence-file', onclick: () => evidence(save) }, t('files.evidence'));
  const told = h('p', { role: 'status' });
  const input = h('input', {
    type: 'file', id: 'sf-replay', accept: '.json,application/json', onchange: async () => {
      told.textContent = '';
      try {
        replayed(await send('replay', { method: 'POST', body: await input.files[0].text() }));
      } catch (error) {
        told.textContent = ['input', 'server'].includes(error.kind) ? t('replay.refused', { why: said(error.message) }) : t(`error.${error.kind || 'server'}`);
      }
      input.value = '';
    },
  });
  return [h('p', { class: 'sf-soft' }, t('files.says')), h('div', { class: 'sf-buttons' }, save, h('button', { type: 'button', id: 'sf-code', onclick: () => hooks.code() }, t('code.button'))),
    h('label', { class: 'sf-line' }, h('span', null, t('replay.pick')), input), told];
}

function settings() {
  const cleared = h('span', { role: 'status' });
  return [
    picker('sf-language', t('settings.language'), Object.entries(LANGUAGES), language(), choose),
    picker('sf-theme', t('settings.theme'), ['system', 'light', 'dark'].map((v) => [v, t(`theme.${v}`)]), hooks.theme(), (v) => hooks.setTheme(v)),
    h('div', { class: 'sf-line' }, h('button', { type: 'button', id: 'sf-forget', onclick: () => { forget(); cleared.textContent = t('settings.forgotten'); hooks.redraw(); } }, t('settings.forget')), cleared),
  ];
}

/** Draws what depends on the state; nothing while it is closed. */
export function draw() {
  if (!panel || panel.hidden) return;
  redraw(parts.models, models());
  redraw(parts.prompt, prompt());
  redraw(parts.reliance, reliance());
  redraw(parts.free, free());
}
