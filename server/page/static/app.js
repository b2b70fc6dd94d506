// Starts the page: takes the words, fills the tabs, listens to keys.

import { get } from './api.js';
import * as attract from './attract.js';
import * as batch from './batch.js';
import * as dialogs from './dialogs.js';
import * as findings from './findings.js';
import { h } from './html.js';
import { away, follow, loading, looked, measure, onKnown, running, state, stop, use } from './live.js';
import * as measuring from './measure_view.js';
import * as sidebar from './sidebar.js';
import { read, write } from './storage.js';
import { OWN, addressed, asked, change, evidence, onChange, request, restore } from './store.js';
import * as tabs from './tabs.js';
import * as trying from './try_view.js';
import { said, settle, t } from './words.js';

const THEME = 'steadfast-theme';
const AGAIN = 3000;
const FAILED = /^the model could not be loaded: /;

const data = JSON.parse(document.getElementById('sf-data').textContent);
const spoken = h('p', { class: 'sf-hidden', role: 'status', 'aria-live': 'polite', id: 'sf-spoken' });
const banner = h('div', { id: 'sf-banner', class: 'sf-banner', role: 'status', hidden: true });
let saying;

/** Announces what a function gives a moment later; by then it may give nothing. */
function say(sentence) {
  clearTimeout(saying);
  saying = setTimeout(() => {
    const text = sentence();
    if (spoken.textContent !== text) spoken.textContent = text;
  }, 700);
}

const present = () => {
  const on = document.documentElement.classList.toggle('sf-present');
  document.getElementById('sf-present').setAttribute('aria-pressed', String(on));
};

const theme = () => read(THEME) || 'system';

function setTheme(value) {
  write(THEME, value);
  dress();
}

/** The class `dark` of the body, which these styles follow, and Gradio's too. */
function dress() {
  const asked_ = new URLSearchParams(location.search).get('__theme');
  const wanted = asked_ || theme();
  const dark = wanted === 'dark' || (wanted === 'system' && matchMedia('(prefers-color-scheme: dark)').matches);
  document.body.classList.toggle('dark', dark);
  document.documentElement.style.colorScheme = dark ? 'dark' : 'light';
}

function header(row) {
  const more = h('button', { type: 'button', id: 'sf-more', 'aria-expanded': 'false', 'aria-controls': 'sf-side', onclick: () => sidebar.toggle(more) }, t('side.button'));
  return h('header', { class: 'sf-header' },
    h('h1', null, 'Steadfast'), h('p', { class: 'sf-tag' }, t('tagline')), row,
    h('div', { class: 'sf-tools' },
      h('button', { type: 'button', id: 'sf-job', hidden: true, onclick: () => show('batch') }),
      h('button', { type: 'button', id: 'sf-share', onclick: () => dialogs.share(state.server?.public) }, t('share.button')),
      h('button', { type: 'button', id: 'sf-qr', onclick: () => dialogs.share(state.server?.public, { qr: true }) }, 'QR'),
      h('button', { type: 'button', id: 'sf-present', 'aria-pressed': 'false', 'aria-keyshortcuts': 'p', onclick: present }, t('present.button')),
      more,
      h('button', { type: 'button', id: 'sf-help', 'aria-label': t('help.title'), onclick: dialogs.help }, '?')));
}

/** Opens a tab. */
function show(tab) {
  change({ tab });
  opened(tab);
}

function opened(tab) {
  tabs.select(tab);
  findings.landmark();
  if (tab === 'findings' || tab === 'about') findings.fill(tab);
}

function draw() {
  trying.form();
  trying.draw();
  measuring.draw();
  sidebar.draw();
  document.documentElement.classList.toggle('sf-away', state.away);
}

function bannered() {
  const unready = state.server && !state.server.ready;
  const plain = state.opening.some((e) => e.shown) ? '' : '.plain';
  let text = '';
  if (state.attract) text = t('attract.banner');
  else if (state.away && !unready) text = t(`state.away${plain}`);
  else if (unready && loading()) text = t(`state.loading${plain}`, { left: state.server.loading.map((p) => t(`part.${p}`)).join(', ') });
  else if (unready) text = t(`state.failed${plain}`, { why: said(state.server.problem.replace(FAILED, '')) });
  banner.hidden = !text;
  if (banner.textContent !== text) banner.textContent = text;
}

async function watchServer() {
  try {
    const was = state.server?.ready && !state.away;
    const waited = state.server && loading();
    state.server = await get('state');
    away(null);
    if ((state.server.ready && !was) || (waited && !loading())) {
      follow(true);
      opened(asked.tab);
    }
  } catch {
    away({ kind: 'away' });
  }
  bannered();
  draw();
  if (!state.server?.ready || state.away) setTimeout(watchServer, state.server && !state.away ? 500 : AGAIN);
}

onKnown((what) => {
  if (what === 'server') {
    bannered();
    if (state.away) setTimeout(watchServer, AGAIN);
  }
  draw();
  if (what === 'look' || (what === 'asked' && !looked().key)) say(trying.announcement);
  if (what === 'measured') say(measuring.verdict);
});
onChange(() => trying.form());
measuring.onGuess(draw);

function typing(target) {
  return target.closest?.('input, textarea, select, [contenteditable=true], [role=textbox]');
}

addEventListener('keydown', (event) => {
  if (document.querySelector('dialog[open]')) return;
  if (event.key === 'Escape') {
    if (running()) stop();
    else sidebar.close();
    return;
  }
  if (event.key === 'Enter' && (event.ctrlKey || event.metaKey) && asked.tab === 'try') {
    event.preventDefault();
    measure();
    return;
  }
  if (event.ctrlKey || event.metaKey || event.altKey || typing(event.target)) return;
  if (event.key === 'p' || event.key === 'P') present();
  if (asked.tab !== 'try') return;
  if (event.key === 'n' || event.key === 'N') trying.next();
  const chip = data.opening.examples[Number(event.key) - 1];
  if (chip && asked.task !== OWN) use(chip.asked);
});

function lay() {
  const { row, panels } = tabs.build(show);
  document.getElementById('sf-page').append(header(row), banner, spoken, h('div', { id: 'sf-main', role: 'main' }, panels));
  document.getElementById('sf-try').append(h('div', { class: 'sf-grid' }, trying.build(data), measuring.build()),
    sidebar.build({ code: () => dialogs.code(request(), evidence(), state.server), theme, setTheme, redraw: draw }));
  batch.build(document.getElementById('sf-batch'), { show, use: (fields) => { use(fields); show('try'); } });
  opened(asked.tab);
}

function start() {
  dress();
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', dress);
  restore();
  if (!tabs.TABS.includes(asked.tab)) asked.tab = 'try';
  settle();
  state.opening = data.opening.examples;
  if (!addressed() && asked.task !== OWN) Object.assign(asked, { ...data.opening.examples[0].asked });
  if (!asked.task) asked.task = data.tasks[0].id;
  lay();
  follow(true);
  draw();
  watchServer();
  attract.watch(data.opening.examples, () => { bannered(); draw(); });
  batch.watch();
}

start();
