// Starts the page: loads the words, fills the tabs that Gradio lays out, listens to keys.

import { get } from './api.js';
import * as attract from './attract.js';
import * as batch from './batch.js';
import * as dialogs from './dialogs.js';
import * as findings from './findings.js';
import { h } from './html.js';
import { away, follow, measure, onKnown, state, stop, use } from './live.js';
import * as measuring from './measure_view.js';
import * as sidebar from './sidebar.js';
import { OWN, addressed, asked, change, onChange, request, restore } from './store.js';
import * as trying from './try_view.js';
import { load, t } from './words.js';

const TABS = ['try', 'batch', 'findings', 'about'];
const THEME = 'steadfast-theme';
const AGAIN = 3000;

const data = JSON.parse(document.getElementById('sf-data').textContent);
const spoken = h('p', { class: 'sf-hidden', role: 'status', 'aria-live': 'polite', id: 'sf-spoken' });
const banner = h('div', { id: 'sf-banner', class: 'sf-banner', role: 'status', hidden: true });
let saying;

function say(text) {
  clearTimeout(saying);
  saying = setTimeout(() => { if (spoken.textContent !== text) spoken.textContent = text; }, 700);
}

const present = () => {
  const on = document.documentElement.classList.toggle('sf-present');
  document.getElementById('sf-present')?.setAttribute('aria-pressed', String(on));
  align();
};

const theme = () => localStorage.getItem(THEME) || 'system';

function setTheme(value) {
  localStorage.setItem(THEME, value);
  dress();
}

/** Gradio's own theme follows the class `dark` of the body, and so do these styles. */
function dress() {
  const asked_ = new URLSearchParams(location.search).get('__theme');
  const wanted = asked_ || theme();
  const dark = wanted === 'dark' || (wanted === 'system' && matchMedia('(prefers-color-scheme: dark)').matches);
  document.body.classList.toggle('dark', dark);
  document.documentElement.style.colorScheme = dark ? 'dark' : 'light';
}

function header() {
  const more = h('button', { type: 'button', id: 'sf-more', 'aria-expanded': 'false', 'aria-controls': 'sf-side', onclick: () => sidebar.toggle(more) }, t('side.button'));
  return h('header', { class: 'sf-header' },
    h('h1', null, 'Steadfast'), h('p', { class: 'sf-tag' }, t('tagline')),
    h('span', { class: 'sf-nav', 'aria-hidden': 'true' }),
    h('div', { class: 'sf-tools' },
      h('button', { type: 'button', id: 'sf-job', hidden: true, onclick: () => show('batch') }),
      h('button', { type: 'button', id: 'sf-share', onclick: () => dialogs.share(state.server?.public) }, t('share.button')),
      h('button', { type: 'button', id: 'sf-qr', onclick: () => dialogs.share(state.server?.public, { qr: true }) }, 'QR'),
      h('button', { type: 'button', id: 'sf-present', 'aria-pressed': 'false', 'aria-keyshortcuts': 'p', onclick: present }, t('present.button')),
      more,
      h('button', { type: 'button', id: 'sf-help', 'aria-label': t('help.title'), onclick: dialogs.help }, '?')));
}

const button = (tab) => document.querySelectorAll('#sf-tabs .tab-container:not(.visually-hidden) [role=tab]')[TABS.indexOf(tab)];

/** Opens a tab. */
function show(tab) {
  button(tab)?.click();
}

function tabs() {
  for (const tab of TABS) button(tab)?.addEventListener('click', () => { change({ tab }); opened(tab); });
  if (asked.tab !== 'try') show(asked.tab);
}

/** The row of tabs is Gradio's; the header leaves room for it. */
function align() {
  const [room, list] = [document.querySelector('.sf-nav'), document.querySelector('#sf-tabs .tab-container:not(.visually-hidden)')];
  if (!room || !list) return;
  room.style.width = `${list.scrollWidth}px`;
  document.documentElement.style.setProperty('--sf-nav-left', `${room.getBoundingClientRect().left - document.querySelector('#sf-top').getBoundingClientRect().left}px`);
}

function opened(tab) {
  if (tab === 'findings' || tab === 'about') findings.fill(tab);
}

function draw() {
  if (!document.getElementById('sf-ask')) return;
  trying.form();
  trying.draw();
  measuring.draw();
  sidebar.draw();
  document.documentElement.classList.toggle('sf-away', state.away);
}

function bannered() {
  const loading = state.server && !state.server.ready;
  let text = '';
  if (state.attract) text = t('attract.banner');
  else if (state.away && !loading) text = t('state.away');
  else if (loading && state.server.loading.length) text = t('state.loading', { left: state.server.loading.map((p) => t(`part.${p}`)).join(', ') });
  else if (loading) text = `${t('state.failed')} ${state.server.problem}`;
  banner.hidden = !text;
  if (banner.textContent !== text) banner.textContent = text;
}

async function watchServer() {
  try {
    const was = state.server?.ready && !state.away;
    state.server = await get('state');
    away(null);
    if (state.server.ready && !was) follow(true);
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
  if (what === 'look') say(trying.announcement());
  if (what === 'measured') say(measuring.verdict());
});
onChange(() => trying.form());
measuring.onGuess(draw);

function typing(target) {
  return target.closest?.('input, textarea, select, [contenteditable=true], [role=textbox]');
}

addEventListener('keydown', (event) => {
  if (document.querySelector('dialog[open]')) return;
  if (event.key === 'Escape') {
    if (state.measure.running) stop();
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

/** Fills the places that Gradio has made; it may make them again. */
function mount() {
  const place = document.getElementById('sf-try');
  if (place && !place.firstChild) {
    document.getElementById('sf-top').replaceChildren(header(), banner, spoken);
    place.classList.add('sf-root');
    place.append(h('div', { class: 'sf-grid' }, trying.build(data), measuring.build()),
      sidebar.build({ code: () => dialogs.code(request()), theme, setTheme, redraw: draw }));
    tabs();
    align();
    document.documentElement.classList.add('sf-aligned');
    const sizes = new ResizeObserver(align);
    for (const part of ['#sf-top', '.sf-tools']) sizes.observe(document.querySelector(part));
    draw();
  }
  const table = document.getElementById('sf-batch');
  if (table && !table.firstChild) batch.build(table, { show, use: (fields) => { use(fields); show('try'); } });
  for (const tab of ['findings', 'about']) if (asked.tab === tab) opened(tab);
}

async function start() {
  dress();
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', dress);
  restore();
  await load('page/static/');
  state.opening = data.opening.examples;
  if (!addressed() && asked.task !== OWN) Object.assign(asked, { ...data.opening.examples[0].asked });
  if (!asked.task) asked.task = data.tasks[0].id;
  follow(true);
  document.addEventListener('steadfast:mounted', mount);
  mount();
  watchServer();
  attract.watch(data.opening.examples, () => { bannered(); draw(); });
  batch.watch();
}

start();
