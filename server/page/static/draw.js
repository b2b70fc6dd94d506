// Charts as SVG: an axis from 0 to 100 right answers, the map of wordings, the bars of answers.

import { h, s } from './html.js';
import { count, number, t } from './words.js';

const narrow = () => innerWidth <= 700;
const clamp = (x) => Math.min(100, Math.max(0, x));
const round = (x) => number(clamp(x));

/** What a prediction expects in right answers out of 100; null where it gives no number. */
export function expected(look) {
  const made = look.prediction;
  if (made.degradation === null || look.usual === null) return null;
  return {
    value: clamp(look.usual - made.degradation), low: clamp(look.usual - made.high),
    high: clamp(look.usual - made.low),
  };
}

/** The sentence that says what an axis shows. */
export function axisLabel({ usual, chance, own, guess, measured, aligned }) {
  const parts = [];
  if (usual !== null && usual !== undefined) parts.push(t('axis.usual', { n: round(usual) }));
  if (own) parts.push(t('axis.own', { n: round(own.value), low: round(own.low), high: round(own.high) }));
  if (chance) parts.push(t('axis.chance', { n: round(chance) }));
  if (guess !== null && guess !== undefined) parts.push(t('axis.guess', { n: round(guess) }));
  if (measured !== undefined) parts.push(t('axis.measured', { n: round(measured) }));
  if (aligned !== undefined) parts.push(t('axis.aligned', { n: round(aligned) }));
  return `${t('axis.title')}: ${parts.join(', ')}`;
}

/** One accuracy axis. Values are right answers out of 100; `own` has value, low and high. */
export function axis({ usual, chance, own, guess, measured, aligned }) {
  const WIDTH = narrow() ? 350 : 640;
  const x = (v) => 12 + ((WIDTH - 24) * clamp(v)) / 100;
  const labels = [[x(0), '0', 'start'], [x(100), '100', 'end']];
  const drawn = [s('line', { x1: x(0), x2: x(100), y1: 30, y2: 30, class: 'sf-axis' })];
  if (own) {
    drawn.push(s('rect', {
      x: x(own.low), width: Math.max(2, x(own.high) - x(own.low)), y: 20, height: 20, rx: 4, class: 'sf-band',
    }));
  }
  if (chance) {
    drawn.push(s('line', { x1: x(chance), x2: x(chance), y1: 16, y2: 44, class: 'sf-chance' }));
    labels.push([x(chance), t('axis.word.chance'), 'middle']);
  }
  if (usual !== null && usual !== undefined) {
    drawn.push(s('circle', { cx: x(usual), cy: 30, r: 7, class: 'sf-ring' }));
    labels.push([x(usual), t('axis.word.usual'), usual > 85 ? 'end' : 'middle']);
  }
  if (own) {
    drawn.push(s('circle', { cx: x(own.value), cy: 30, r: 8, class: 'sf-dot' }));
    labels.unshift([x(own.value), t('axis.word.own'), own.value < 10 ? 'start' : own.value > 90 ? 'end' : 'middle', 'sf-strong']);
  }
  if (guess !== null && guess !== undefined)
    drawn.push(s('path', { d: `M${x(guess)} 14l7 -10h-14z`, class: 'sf-guess' }));
  if (aligned !== undefined)
    drawn.push(s('path', { d: `M${x(aligned)} 21l8 9-8 9-8-9z`, class: 'sf-mark-aligned' }));
  if (measured !== undefined) {
    drawn.push(s('path', { d: `M${x(measured) - 7} 23l14 14m0 -14l-14 14`, class: 'sf-cross' }));
    labels.unshift([x(measured), t('axis.word.measured'), measured < 10 ? 'start' : measured > 90 ? 'end' : 'middle', 'sf-strong']);
  }
  return s('svg', { viewBox: `0 0 ${WIDTH} 62`, role: 'img', 'aria-label': axisLabel({ usual, chance, own, guess, measured, aligned }), class: 'sf-axis-svg' },
    drawn, free(labels).map(([at, word, anchor, kind]) =>
      s('text', { x: at, y: 58, 'text-anchor': anchor, class: kind || 'sf-tick' }, word)));
}

/** The labels that do not run into one that stands before them in the list. */
function free(labels) {
  const taken = [];
  return labels.filter(([at, word, anchor]) => {
    const wide = word.length * 7.6 + 10;
    const left = anchor === 'start' ? at : anchor === 'end' ? at - wide : at - wide / 2;
    if (taken.some(([l, r]) => left < r && l < left + wide)) return false;
    taken.push([left, left + wide]);
    return true;
  });
}

const median = (values) => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)];

/** The points that lie with the others; the rest would leave no room for them. */
function together(points) {
  const middle = [0, 1].map((k) => median(points.map((p) => p[k])));
  const away = points.map((p) => Math.hypot(p[0] - middle[0], p[1] - middle[1]));
  const most = 4 * median(away);
  return points.filter((_, n) => away[n] <= most);
}

/** Coordinates on a map that shows yours and the points that lie together; others at its edge. */
function frame(points, own, width, height) {
  const all = [...together(points), own];
  const [xs, ys] = [all.map((p) => p[0]), all.map((p) => p[1])];
  const scale = Math.min(
    (width - 60) / Math.max(1e-6, Math.max(...xs) - Math.min(...xs)),
    (height - 56) / Math.max(1e-6, Math.max(...ys) - Math.min(...ys)),
  );
  const middle = [(Math.max(...xs) + Math.min(...xs)) / 2, (Math.max(...ys) + Math.min(...ys)) / 2];
  const inside = (v, most) => Math.min(most - 8, Math.max(8, v));
  return ([px, py]) => [
    inside(width / 2 + (px - middle[0]) * scale, width), inside(height / 2 + 6 - (py - middle[1]) * scale, height),
  ];
}

/** The map of a task's trained wordings; yours with a line to the closest. */
export function map(look, texts) {
  if (!look.map) return null;
  const [WIDTH, HEIGHT] = [300, 176];
  const { ids, points, own } = look.map;
  const at = frame(points, own, WIDTH, HEIGHT);
  const closest = ids.indexOf(look.prediction.nearest[0].instruction_id);
  const [x, y] = at(own);
  const dots = points.map((p, n) => {
    const [cx, cy] = at(p);
    return s('circle', { cx, cy, r: n === closest ? 6 : 4, class: n === closest ? 'sf-ring' : 'sf-trained' },
      texts[ids[n]] ? s('title', null, texts[ids[n]]) : null);
  });
  const line = closest < 0 ? null : s('line', {
    x1: at(points[closest])[0], y1: at(points[closest])[1], x2: x, y2: y, class: 'sf-link',
  });
  const below = y < HEIGHT - 34;
  return s('svg', { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: 'img', class: 'sf-map', 'aria-label': t('map.label', { n: ids.length, percent: number(look.map.kept * 100) }) },
    s('rect', { width: WIDTH, height: HEIGHT, rx: 8, class: 'sf-ground' }), line, dots,
    s('path', { d: `M${x} ${y - 9}l8 9-8 9-8-9z`, class: 'sf-dot' }),
    s('text', { x: Math.min(WIDTH - 30, Math.max(30, x)), y: below ? y + 25 : y - 15, 'text-anchor': 'middle', class: 'sf-strong' }, t('map.yours')));
}

/** The options of a question as bars, in the order of the answer's probability. */
export function bars(answer, options, right) {
  const rows = options.map((o, n) => [o, answer.option_probabilities[n], answer.label_words[n]])
    .sort((a, b) => b[1] - a[1]);
  const rest = rows.splice(6);
  return h('ul', { class: 'sf-bars' }, rows.map(([option, p, word]) =>
    h('li', null,
      h('span', { class: 'sf-option', title: word === option ? option : `${option} = ${word}` }, option, option === right ? h('span', { 'aria-label': t('answers.right') }, ' ✓') : null),
      h('span', { class: 'sf-track', 'aria-hidden': 'true' }, h('span', { class: 'sf-fill', style: `width:${(100 * p).toFixed(1)}%` })),
      h('span', { class: 'sf-value' }, `${number(100 * p)}%`))),
  rest.length ? h('li', { class: 'sf-soft' }, count('answers.more', rest.length, { p: number(100 * rest.reduce((sum, row) => sum + row[1], 0)) })) : null);
}

/** The rungs of evidence on one axis; each has value, low, high and a name. */
export function ladder(rows, usual) {
  const above = narrow();
  const [WIDTH, ROW, WORDS] = above ? [350, 34, 0] : [580, 18, 262];
  const x = (v) => 6 + ((WIDTH - WORDS - 14) * clamp(v)) / 100;
  const height = Math.max(1, rows.length) * ROW + 4;
  const drawn = rows.map((row, n) => {
    const y = n * ROW + (above ? 26 : 10);
    return s('g', { class: 'sf-rung' },
      s('rect', { x: x(row.low), width: Math.max(2, x(row.high) - x(row.low)), y: y - 4, height: 8, rx: 3, class: row.aligned ? 'sf-band-aligned' : 'sf-band' }),
      s('circle', { cx: x(row.value), cy: y, r: 5, class: row.aligned ? 'sf-dot-aligned' : 'sf-dot' }),
      s('text', { x: above ? 6 : WIDTH - WORDS + 6, y: above ? y - 10 : y + 5, class: row.counted ? 'sf-strong' : 'sf-tick' }, `${row.name}: ${round(row.value)}`));
  });
  const told = rows.map((r) => `${r.name}: ${round(r.value)} (${round(r.low)}–${round(r.high)})`).join('; ');
  return s('svg', { viewBox: `0 0 ${WIDTH} ${height}`, role: 'img', class: 'sf-ladder', 'aria-label': `${t('axis.title')}: ${told}` },
    s('line', { x1: x(usual ?? 100), x2: x(usual ?? 100), y1: 0, y2: height, class: 'sf-chance' }), drawn);
}

/** The words of a text, those marked that another text has not: a longest common subsequence. */
export function marked(text, other) {
  const [a, b] = [text.split(/(\s+)/), other.split(/(\s+)/)];
  const same = (w) => w.toLowerCase().replace(/^[^\w{]+|[^\w}]+$/g, '') || w;
  const long = Array.from({ length: a.length + 1 }, () => new Uint16Array(b.length + 1));
  for (let i = a.length - 1; i >= 0; i--)
    for (let j = b.length - 1; j >= 0; j--)
      long[i][j] = same(a[i]) === same(b[j]) ? long[i + 1][j + 1] + 1 : Math.max(long[i + 1][j], long[i][j + 1]);
  const parts = [];
  let j = 0;
  for (let i = 0; i < a.length; i++) {
    while (j < b.length && same(a[i]) !== same(b[j]) && long[i][j] === long[i][j + 1]) j++;
    const common = j < b.length && same(a[i]) === same(b[j]);
    if (common) j++;
    const last = parts[parts.length - 1];
    const differs = !common && a[i].trim() !== '';
    if (last && (last.differs === differs || a[i].trim() === '')) last.text += a[i];
    else parts.push({ differs, text: a[i] });
  }
  return parts.map((p) => (p.differs ? h('mark', null, p.text) : p.text));
}
