// *Findings* in three sentences with a chart each, and *About*: four questions.

import { get } from './api.js';
import { h, redraw, s } from './html.js';
import { known, number, said, t, told } from './words.js';

let found;
const filled = new Set();
const round = (value) => number(value);

/** Lines with a dot and its interval on one axis in points. */
function intervals(rows, label, { left = -10, right = 20 } = {}) {
  const lo = Math.min(left, ...rows.flatMap((r) => r.marks.map((m) => m.low ?? m.value)));
  const hi = Math.max(right, ...rows.flatMap((r) => r.marks.map((m) => m.high ?? m.value)));
  const [WIDTH, NAME, ROW] = [430, 120, 26];
  const x = (v) => NAME + ((WIDTH - NAME - 16) * (v - lo)) / (hi - lo);
  const ticks = [lo, 0, 50, hi].filter((v, n, all) => v >= lo && v <= hi && all.indexOf(v) === n);
  const height = rows.length * ROW + 26;
  return s('svg', { viewBox: `0 0 ${WIDTH} ${height}`, role: 'img', class: 'sf-intervals', 'aria-label': `${label}: ${rows.map((r) => `${r.name} ${r.marks.map((m) => number(m.value, 1)).join(' → ')}`).join('; ')}` },
    s('line', { x1: x(0), x2: x(0), y1: 0, y2: height - 20, class: 'sf-chance' }),
    rows.map((r, n) => {
      const y = n * ROW + 13;
      return s('g', null, s('text', { x: 0, y: y + 5, class: 'sf-tick' }, r.name),
        r.marks.length > 1 ? s('line', { x1: x(r.marks[0].value), x2: x(r.marks[1].value), y1: y, y2: y, class: 'sf-link' }) : null,
        r.marks.map((m) => [m.low === undefined || m.low === null ? null : s('rect', { x: x(m.low), width: Math.max(1, x(m.high) - x(m.low)), y: y - 5, height: 10, rx: 3, class: m.ring ? 'sf-band-soft' : 'sf-band' }),
          s('circle', { cx: x(m.value), cy: y, r: 6, class: m.ring ? 'sf-ring' : 'sf-dot' })]));
    }),
    ticks.map((v) => s('text', { x: x(v), y: height - 4, 'text-anchor': 'middle', class: 'sf-tick' }, round(v))));
}

const figure = (id, sentence, chart, note) => h('figure', { class: 'sf-figure', id }, h('figcaption', null, h('strong', null, sentence), note ? h('span', { class: 'sf-soft' }, ` ${note}`) : null), chart);

function findings(place) {
  const { published, tasks, gains } = found;
  const parts = [];
  if (published.length) {
    const worst = published.reduce((a, b) => (a.value > b.value ? a : b));
    parts.push(figure('sf-finding-1', t('finding.published', { n: number(worst.value, 1), name: worst.name }), intervals(published.map((r) => ({ name: r.name, marks: [r] })), t('finding.published.axis')), t('finding.published.note')));
  }
  if (tasks.length) {
    const mean = (k) => tasks.reduce((a, r) => a + r[k].accuracy, 0) / tasks.length;
    parts.push(figure('sf-finding-2', t('finding.own', { usual: round(mean('observed')), n: round(mean('unobserved')) }), intervals(tasks.map((r) => ({ name: said(r.task), marks: [{ value: r.observed.accuracy, ring: true }, { value: r.unobserved.accuracy, low: r.unobserved.low, high: r.unobserved.high }] })), t('axis.title'), { left: 0, right: 100 }), t('finding.own.note')));
  }
  if (gains.length) {
    const clear = gains.filter((g) => g.low > 0).length;
    parts.push(figure('sf-finding-3', t(clear ? 'finding.aligned.some' : 'finding.aligned.none', { n: round(clear), of: round(gains.length) }), intervals(gains.map((g) => ({ name: g.model.split('+').pop(), marks: [g] })), t('finding.aligned.axis'), { left: -5, right: 5 }), t('finding.aligned.note')));
  }
  redraw(place, h('section', { class: 'sf-three', 'aria-label': t('tab.findings') }, parts), tables());
}

/** The tables of the studies, which Gradio shows: its scripts are loaded when they are first seen. */
function tables() {
  const root = new URL('.', location.href);
  document.head.append(h('script', { type: 'module', src: new URL('gradio.js', root) }));
  const app = h('gradio-app', {
    src: root.href, embed: 'false', eager: 'true', control_page_title: 'false', theme_mode: document.body.classList.contains('dark') ? 'dark' : 'light',
  });
  new MutationObserver((_, seen) => {
    if (!app.querySelector('main')) return;
    seen.disconnect();
    landmark();
  }).observe(app, { childList: true, subtree: true });
  return app;
}

/** Gradio has a <main> of its own; while that is seen, the page's is none, since there is one in a page. */
export function landmark() {
  const inner = document.querySelector('#sf-panel-findings:not([hidden]) gradio-app main');
  document.getElementById('sf-main').setAttribute('role', inner ? 'none' : 'main');
  // A label counts as content, and content lies in a landmark: here the label is the section's.
  if (inner) document.getElementById('sf-panel-findings').removeAttribute('aria-labelledby');
}

const tier = (row) => (known(`tier.${row.kind}`) ? t(`tier.${row.kind}`, { n: row.inputs }) : row.kind);

function skill() {
  if (!found.skills.length) return h('p', null, t('about.uncalibrated'));
  const apart = found.held_out.filter((r) => r.task_type === 'all' && r.coverage !== null);
  const head = ['about.tier', 'about.n', 'about.error', 'about.constant', 'about.inside', ...(apart.length ? ['about.apart.error', 'about.apart.inside'] : [])];
  const cells = (r) => {
    const other = apart.find((o) => o.kind === r.kind && o.inputs === r.inputs);
    const known_ = [round(r.n), number(r.error, 1), number(r.constant, 1), `${round(100 * r.coverage)}%`];
    if (!apart.length) return known_;
    return [...known_, ...(other ? [number(other.mae, 1), `${round(100 * other.coverage)}% (${round(100 * other.coverage_low)}–${round(100 * other.coverage_high)})`] : ['–', '–'])];
  };
  return h('div', { class: 'sf-scroll', tabindex: '0', role: 'group', 'aria-label': t('about.good') }, h('table', { id: 'sf-skill' }, h('thead', null, h('tr', null, head.map((k) => h('th', { scope: 'col' }, t(k))))),
    h('tbody', null, found.skills.map((r) => h('tr', null, h('th', { scope: 'row' }, tier(r)), cells(r).map((cell) => h('td', null, cell)))))),
    apart.length ? h('p', { class: 'sf-soft', id: 'sf-held-out' }, t('about.apart', { n: round(apart[0].n) })) : null);
}

function about(place) {
  redraw(place, h('div', { class: 'sf-about' },
    h('section', null, h('h2', null, t('about.what')), h('p', null, t('about.what.says'))),
    h('section', null, h('h2', null, t('about.numbers')), h('p', null, t('about.numbers.says'))),
    h('section', { class: 'sf-whole' }, h('h2', null, t('about.good')), h('p', null, t('about.good.says')), skill()),
    h('section', null, h('h2', null, t('about.leaves')), h('p', null, t('about.leaves.says'))),
    found.card ? h('p', null, h('a', { href: 'page/v1/card.md', download: 'CARD.md', class: 'sf-button', id: 'sf-card' }, t('about.card', { model: found.model }))) : null));
}

/** Fills a tab, once. */
export async function fill(tab) {
  const place = document.getElementById(`sf-${tab}`);
  if (!place || (filled.has(tab) && place.firstChild)) return;
  if (!found) {
    redraw(place, h('p', { role: 'status' }, t('state.loading.short')));
    try {
      found = await get('findings');
    } catch (error) {
      redraw(place, h('p', { class: 'sf-error', role: 'alert' }, told(error)), h('button', { type: 'button', onclick: () => fill(tab) }, t('error.retry')));
      return;
    }
  }
  filled.add(tab);
  (tab === 'findings' ? findings : about)(place);
}

