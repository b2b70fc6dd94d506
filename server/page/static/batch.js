// The *Batch* tab in three steps: drop or paste a table, check it, run it; the chart is the table.

import { get, post, send } from './api.js';
import { h, redraw, s } from './html.js';
import { read, write } from './storage.js';
import { asked, change, guard, onChange, request } from './store.js';
import { count, number, said, t, told } from './words.js';

const KEY = 'steadfast-job';
const LOOK = 1000;
const RISK = 10;
const FILTERS = ['all', 'risky', 'differ', 'none', 'failed'];

/** Prompts of a prediction, by which the time for a table is judged. */
const PROMPTS = 16;

const step = { pace: null, file: null, checked: null, error: null, busy: false, job: null, rows: [], filter: 'all', started: 0, before: 0, missing: false };
let place;
let hooks;
let timer;
const checking = guard(() => null);
const looking = guard(() => asked.job);

const round = (value) => number(value);
const running = () => step.job && ['queued', 'running'].includes(step.job.state);

/** Lays the tab out in a node; `given` shows a tab and takes a wording. */
export function build(node, given) {
  place = node;
  hooks = given;
  draw();
}

const problem = (error) => h('p', { class: 'sf-error', role: 'alert' }, told(error));

const form = (file) => {
  const body = new FormData();
  body.append('file', file, file.name);
  return { method: 'POST', body };
};

async function check(file) {
  const wanted = checking();
  Object.assign(step, { file, checked: null, error: null, busy: true });
  draw();
  let made = null;
  let error = null;
  try {
    made = await send('batch/check', form(file));
    step.pace ??= await pace();
  } catch (problem_) {
    error = problem_;
  }
  if (!wanted()) return;
  Object.assign(step, { checked: made, error, busy: false });
  draw();
  document.getElementById('sf-check-title')?.focus();
}

/** Seconds a prompt, from one prediction; null where there is none to time. */
async function pace() {
  const began = performance.now();
  try {
    await post('wording', { ...request(), aligned: null });
  } catch {
    return null;
  }
  return (performance.now() - began) / 1000 / PROMPTS;
}

async function example() {
  const reply = await fetch('page/v1/batch/example.csv');
  check(new File([await reply.blob()], 'instructions.csv', { type: 'text/csv' }));
}

function pasted(text) {
  const lines = text.split('\n').map((l) => l.trim()).filter(Boolean);
  if (!lines.length) return;
  const table = /(^|[,;\t])\s*"?instruction"?\s*([,;\t]|$)/i.test(lines[0]);
  const quoted = (line) => `"${line.replaceAll('"', '""')}"`;
  const content = table ? text : ['instruction,task', ...lines.map((l) => `${quoted(l)},${asked.task === 'own' ? '' : asked.task}`)].join('\n');
  check(new File([content], 'pasted.csv', { type: 'text/csv' }));
}

async function run() {
  const wanted = checking();
  Object.assign(step, { error: null, busy: true });
  draw();
  let job = null;
  let error = null;
  try {
    job = await send('batch/jobs', form(step.file));
  } catch (problem_) {
    error = problem_;
  }
  // Another table may have been given meanwhile: its check stays.
  if (wanted()) Object.assign(step, { error, busy: false }, job ? { checked: null, file: null } : {});
  if (job) {
    Object.assign(step, { job, rows: [], started: 0, missing: false });
    write(KEY, job.id);
    change({ job: job.id });
  }
  draw();
}

async function look() {
  clearTimeout(timer);
  const id = asked.job;
  const wanted = looking();
  if (!id) return;
  try {
    const whole = step.job?.state === 'done';
    const found = await get(`batch/jobs/${id}?after=${whole ? 0 : step.rows.length}`);
    if (!wanted()) return;
    if (found.job.state !== 'running') step.started = 0;
    else if (!step.started) Object.assign(step, { started: Date.now(), before: found.job.done });
    if (found.job.state === 'done' && step.job && step.job.state !== 'done') {
      const { rows } = await get(`batch/jobs/${id}`);
      if (!wanted()) return;
      step.rows = rows;
    } else step.rows.push(...found.rows);
    Object.assign(step, { job: found.job, missing: false });
  } catch (error) {
    if (!wanted()) return;
    if (error.kind === 'input') {
      step.missing = true;
      step.job = null;
      write(KEY, null);
    }
  }
  draw();
  header();
  if (running() || (!step.job && !step.missing)) timer = setTimeout(look, LOOK);
}

async function cancel() {
  try {
    step.job = await send(`batch/jobs/${step.job.id}`, { method: 'DELETE' });
  } catch { /* The next look tells. */ }
  look();
}

async function remove() {
  try {
    await send(`batch/jobs/${step.job.id}?remove=true`, { method: 'DELETE' });
  } catch (error) {
    if (error.kind !== 'input') {
      step.error = error;
      draw();
      return;
    }
  }
  write(KEY, null);
  Object.assign(step, { job: null, rows: [], missing: false });
  change({ job: '' });
  draw();
  document.getElementById('sf-run-title')?.focus();
}

/** The running job in the header of every tab. */
function header() {
  const button = document.getElementById('sf-job');
  if (!button) return;
  button.hidden = !running();
  if (running()) button.textContent = t('batch.header', { done: round(step.job.done), rows: round(step.job.rows) });
}

/** Takes up the job of the address or of this browser, and shows it wherever the visitor is. */
export function watch() {
  if (!asked.job) {
    const kept = read(KEY);
    if (kept) change({ job: kept });
  }
  if (asked.job) look();
  onChange((changed) => { if (changed.includes('job')) look(); });
}

function source() {
  const input = h('input', { type: 'file', id: 'sf-upload', accept: '.csv,.tsv,.json,.jsonl,.parquet', onchange: (e) => e.target.files[0] && check(e.target.files[0]) });
  const area = h('textarea', { id: 'sf-paste', rows: 3, 'aria-label': t('batch.paste'), placeholder: t('batch.paste') });
  const drop = h('div', {
    class: 'sf-drop', ondragover: (e) => { e.preventDefault(); drop.classList.add('sf-over'); },
    ondragleave: () => drop.classList.remove('sf-over'),
    ondrop: (e) => { e.preventDefault(); if (e.dataTransfer.files[0]) check(e.dataTransfer.files[0]); },
  }, h('label', { for: 'sf-upload' }, t('batch.drop')), input);
  return [drop, area, h('div', { class: 'sf-buttons' },
    h('button', { type: 'button', id: 'sf-use-paste', onclick: () => pasted(area.value) }, t('batch.use.paste')),
    h('button', { type: 'button', id: 'sf-example', onclick: example }, t('batch.example')),
    h('a', { class: 'sf-button', href: 'page/v1/batch/example.csv', download: 'instructions.csv' }, t('batch.template')))];
}


function checked() {
  if (step.busy && !step.checked) return [h('p', null, t('batch.checking'))];
  const made = step.checked;
  if (step.error && !made) return [problem(step.error)];
  if (!made) return [h('p', { class: 'sf-soft' }, t('batch.check.empty'))];
  return [
    h('p', { id: 'sf-plan' }, count('batch.rows', made.rows), ' ', made.bad_rows ? count('batch.bad', made.bad_rows) : t('batch.good'), ' ', step.pace === null ? t('batch.cost', { calls: round(made.calls) }) : t('batch.time', { calls: round(made.calls), time: time(made.calls * step.pace) })),
    h('p', { class: 'sf-soft' }, t('batch.columns'), ' ', made.columns.map((c, n) => [n ? ', ' : '', c.meaning ? h('b', null, `${c.name} ✓`) : h('span', null, `${c.name} (${c.kept === c.name ? t('batch.kept') : t('batch.kept.as', { name: c.kept })})`)])),
    h('ol', { class: 'sf-listed', tabindex: '0', 'aria-label': t('batch.listed') }, made.listed.slice(0, 200).map((row) => h('li', { class: row.error ? 'sf-bad' : null }, h('span', { class: 'sf-clip' }, row.instruction || '—'), row.task ? h('span', { class: 'sf-soft' }, ` ${row.task}`) : null, row.error ? h('span', { class: 'sf-reason' }, ` ✗ ${said(row.error)}`) : null))),
    step.error ? problem(step.error) : null,
    h('button', { type: 'button', id: 'sf-start', class: 'sf-go', 'data-heirs': 'sf-run-title', disabled: made.bad_rows === made.rows || step.busy || running(), onclick: run }, t('batch.start')),
  ];
}

function time(seconds) {
  return seconds < 90 ? t('time.seconds', { n: round(Math.ceil(seconds)) }) : t('time.minutes', { n: round(seconds / 60) });
}

const kinds = {
  all: () => true,
  risky: (r) => r.predicted_degradation > RISK,
  differ: (r) => r.agree !== undefined && r.agree !== null && r.agree !== true && r.agree < 1,
  none: (r) => r.status === 'ok' && (r.predicted_degradation === null || r.predicted_degradation === undefined),
  failed: (r) => r.status === 'error',
};

function summary() {
  const job = step.job;
  if (step.missing) return [h('p', null, t('batch.missing'))];
  if (!job) return [h('p', { class: 'sf-soft' }, t('batch.none'))];
  const risky = step.rows.filter(kinds.risky).length;
  // From the rows that were done since this page saw the job run.
  const since = step.started ? job.done - step.before : 0;
  const left = since > 0 ? ((Date.now() - step.started) / 1000 / since) * (job.rows - job.done) : 0;
  const away = running() ? null : h('button', { type: 'button', id: 'sf-delete', onclick: remove }, t('batch.delete'));
  return [
    h('p', { id: 'sf-state' }, h('b', null, job.name), ': ', t(`job.${job.state}`), ' ', t('batch.done', { done: round(job.done), rows: round(job.rows) }), running() && left ? ` ${t('batch.left', { time: time(left) })}` : ''),
    running() ? h('progress', { max: job.rows, value: job.done, 'aria-label': t('batch.progress') }) : null,
    running() ? h('button', { type: 'button', id: 'sf-cancel', 'data-heirs': 'sf-run-title', onclick: cancel }, t('stop')) : null,
    job.error ? h('p', { class: 'sf-error' }, said(job.error)) : null,
    step.rows.length ? h('p', { id: 'sf-summary', class: 'sf-result' }, t('batch.summary', { n: round(risky), of: round(step.rows.length), risk: round(RISK) })) : null,
    step.rows.length ? h('div', { class: 'sf-buttons', role: 'group', 'aria-label': t('batch.filters') }, FILTERS.map((f) => h('button', { type: 'button', id: `sf-filter-${f}`, 'aria-pressed': String(step.filter === f), onclick: () => { step.filter = f; draw(); } }, `${t(`filter.${f}`)} (${round(step.rows.filter(kinds[f]).length)})`)),
      job.state === 'done' ? h('a', { class: 'sf-button', id: 'sf-result', href: `page/v1/batch/jobs/${job.id}/result.csv`, download: `scored-${job.id}.csv` }, t('batch.csv')) : null,
      job.state === 'done' ? h('a', { class: 'sf-button', id: 'sf-evidence-archive', href: `page/v1/batch/jobs/${job.id}/evidence.zip`, download: `evidence-${job.id}.zip`, title: t('batch.evidence.says') }, t('files.evidence')) : null, away) : away,
  ];
}

/** Predicted loss of a row as a dot with its band, measured accuracies as marks, from -20 to 100. */
function band(row) {
  const x = (v) => 4 + (192 * (Math.min(100, Math.max(-20, v)) + 20)) / 120;
  const drawn = [s('line', { x1: 4, x2: 196, y1: 10, y2: 10, class: 'sf-axis' }), s('line', { x1: x(0), x2: x(0), y1: 3, y2: 17, class: 'sf-chance' })];
  if (row.predicted_degradation !== null && row.predicted_degradation !== undefined) {
    drawn.push(s('rect', { x: x(row.low), width: Math.max(1, x(row.high) - x(row.low)), y: 5, height: 10, rx: 3, class: 'sf-band' }), s('circle', { cx: x(row.predicted_degradation), cy: 10, r: 5, class: 'sf-dot' }));
  }
  return s('svg', { viewBox: '0 0 200 20', class: 'sf-row-svg', 'aria-hidden': 'true' }, drawn);
}

const lost = (r) => (r.predicted_degradation === null || r.predicted_degradation === undefined ? t('expect.none.short') : t('batch.interval', { n: round(r.predicted_degradation), low: round(r.low), high: round(r.high) }));
const value = (v) => (v === null || v === undefined ? '–' : round(v));

function chart() {
  const order = (r) => (r.status === 'error' ? 1e6 : -(r.predicted_degradation ?? -1e5));
  const rows = step.rows.filter(kinds[step.filter]).sort((a, b) => order(a) - order(b));
  if (!step.rows.length) return null;
  const head = ['batch.wording', 'batch.task', 'batch.chart', 'batch.lost', 'model.original', 'model.aligned'];
  return h('div', { class: 'sf-scroll', id: 'sf-chart', tabindex: '0', role: 'group', 'aria-label': t('batch.result') }, h('table', { role: 'table', class: 'sf-result-table' },
    h('caption', { class: 'sf-hidden' }, t('batch.caption')),
    h('thead', { role: 'rowgroup' }, h('tr', { role: 'row' }, head.map((k) => h('th', { role: 'columnheader', scope: 'col' }, t(k))))),
    h('tbody', { role: 'rowgroup' }, rows.map((r) => h('tr', { role: 'row' },
      h('th', { role: 'rowheader', scope: 'row' }, h('button', { type: 'button', id: `sf-row-${r.number}`, title: r.instruction, onclick: () => hooks.use({ instruction: r.instruction, ...(r.task ? { task: r.task } : {}), job: asked.job, tab: 'try' }) }, h('span', { class: 'sf-clip' }, r.instruction || '—'))),
      h('td', { role: 'cell', class: 'sf-whole-row' }, said(r.task || '')),
      r.status === 'error' ? h('td', { role: 'cell', colspan: '4', class: 'sf-reason sf-whole-row' }, `✗ ${said(r.error)}`) : [h('td', { role: 'cell', class: 'sf-whole-row' }, band(r)), ...[['batch.lost', lost(r)], ['model.original', value(r.single ? null : r.accuracy_original)], ['model.aligned', value(r.single ? null : r.accuracy_aligned)]].map(([k, shown]) => h('td', { role: 'cell', 'data-name': t(k) }, shown))])))));
}

const part = (id, n, title, ...children) => h('section', { class: 'sf-part', 'aria-labelledby': `sf-${id}-title` }, h('h2', { id: `sf-${id}-title`, tabindex: '-1' }, h('span', { class: 'sf-number', 'aria-hidden': 'true' }, n), t(title)), children);

function draw() {
  if (!place) return;
  const kept = place.querySelector('#sf-paste')?.value || '';
  redraw(place, h('div', { class: 'sf-three' }, part('source', 1, 'batch.step.1', source()), part('check', 2, 'batch.step.2', checked()), part('run', 3, 'batch.step.3', summary())), chart());
  place.querySelector('#sf-paste').value = kept;
}

