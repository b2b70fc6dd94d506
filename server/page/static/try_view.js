// Cards 1 to 4 of *Try*: the wording, what is expected of it, the closest one, both models' answers.

import { axis, bars, expected, map, marked } from './draw.js';
import { post } from './api.js';
import { h, redraw } from './html.js';
import {
  answered, backbone, comparable, earlier, looked, measured as measuredOf, modelName, retry, state, use,
} from './live.js';
import { OWN, asked, change, guard, repeated, request, visit, wordingKey } from './store.js';
import { count, number, signed, t, taskName, told } from './words.js';

let data;
let chips = [];
/** The wording before a surface rule changed it, and what the rule made of it. */
let surface = { of: '', made: '', rule: '' };
const cards = {};
const perturbing = guard(wordingKey);

const section = (id, n, title, ...children) => h('section', { id: `sf-${id}`, class: 'sf-part', 'aria-labelledby': `sf-${id}-title` },
  h('h2', { id: `sf-${id}-title`, tabindex: '-1' }, h('span', { class: 'sf-number', 'aria-hidden': 'true' }, n), typeof title === 'string' ? h('span', { class: 'sf-title' }, title) : title), children);

/** Lays out the cards in a node; `given` has the tasks and the opening examples. */
export function build(given) {
  data = given;
  chips = data.opening.examples;
  const picker = h('select', {
    id: 'sf-task', 'aria-label': t('ask.task'),
    onchange: (e) => change({ task: e.target.value, question: '' }),
  }, data.tasks.map((task) => h('option', { value: task.id }, taskName(task))), h('option', { value: OWN }, t('task.own')));
  const field = h('textarea', {
    id: 'sf-wording', rows: 2, spellcheck: false, 'aria-label': t('ask.field'), autocomplete: 'off',
    oninput: (e) => change({ instruction: e.target.value }),
  });
  cards.picker = picker;
  cards.field = field;
  cards.own = h('div', { class: 'sf-own', hidden: true },
    h('input', { id: 'sf-own-text', 'aria-label': t('own.text'), placeholder: t('own.text'), oninput: (e) => change({ text: e.target.value }) }),
    h('input', { id: 'sf-own-options', 'aria-label': t('own.options'), placeholder: t('own.options'), oninput: (e) => change({ options: e.target.value }) }));
  cards.chips = h('div', { class: 'sf-chips', role: 'group', 'aria-label': t('ask.chips') }, chips.map((chip, n) =>
    h('button', { type: 'button', id: `sf-chip-${n + 1}`, 'aria-pressed': 'false', title: `${n + 1}`, onclick: () => use(chip.asked) }, t(`chip.${chip.name}`))), cards.rules = h('select', {
    id: 'sf-rules', 'aria-label': t('rule.pick'), onchange: (e) => perturb(e.target.value),
  }, h('option', { value: '' }, t('rule.pick')), data.rules.map((rule) => h('option', { value: rule }, t(`rule.${rule}`)))));
  cards.conflict = h('div', { class: 'sf-conflict' });
  cards.expect = h('div', { class: 'sf-body' });
  cards.close = h('div', { class: 'sf-body' });
  cards.answers = h('div', { class: 'sf-body' });
  return [
    section('ask', 1, [h('span', { class: 'sf-title' }, t('ask.title')), h('label', { class: 'sf-pick' }, t('ask.for'), picker)], field, cards.own, cards.chips, cards.conflict),
    section('expect', 2, t('expect.title'), cards.expect),
    section('close', 3, t('close.title'), cards.close),
    section('answers', 4, t('answers.title'), h('p', { id: 'sf-question', class: 'sf-question' }), cards.answers),
  ];
}

/** Puts what is asked into the form, without moving the caret of who types. */
export function form() {
  if (!cards.field) return;
  if (cards.field.value !== asked.instruction) cards.field.value = asked.instruction;
  cards.picker.value = asked.task;
  const own = asked.task === OWN;
  cards.own.hidden = !own;
  for (const [id, field] of [['sf-own-text', 'text'], ['sf-own-options', 'options']]) {
    const input = cards.own.querySelector(`#${id}`);
    if (input.value !== asked[field]) input.value = asked[field];
  }
  cards.chips.hidden = own;
  chips.forEach((chip, n) => {
    const on = chip.asked.instruction === asked.instruction && chip.asked.task === asked.task;
    cards.chips.children[n].setAttribute('aria-pressed', String(on));
  });
  cards.rules.value = asked.instruction === surface.made && surface.made !== surface.of ? surface.rule : '';
}

/** Takes a wording that a card offers; the card is hidden until its reply, so the focus leaves it. */
function take(text) {
  document.getElementById('sf-ask-title').focus({ preventScroll: true });
  change({ instruction: text });
}

/** Changes the wording by a surface rule; always from the wording as it was before the last one. */
async function perturb(rule) {
  const of = asked.instruction === surface.made ? surface.of : asked.instruction;
  const wanted = perturbing();
  let made = of;
  if (rule) {
    try {
      made = (await post('perturbed', { ...request(), instruction: of, rule })).text ?? of;
    } catch { /* The cards say what is wrong with the wording. */ }
    if (!wanted()) return;
  }
  surface = { of, made, rule };
  change({ instruction: made });
  cards.rules.value = made === of ? '' : rule;
}

const round = (value) => number(value);

function problem(error, kind) {
  return h('div', { class: 'sf-error', role: 'alert' }, h('p', null, told(error)),
    h('button', { type: 'button', id: `sf-retry-${kind}`, 'data-heirs': kind === 'look' ? 'sf-expect-title' : 'sf-answers-title', onclick: () => retry(kind) }, t('error.retry')));
}

function headline(look) {
  const made = look.prediction;
  const own = expected(look);
  if (own) {
    return h('p', { class: 'sf-big' }, h('span', { title: t('tip.usual') }, round(look.usual)), ' → ',
      made.tier === 'measured' ? round(own.value) : t('expect.about', { n: round(own.value) }),
      h('small', null, ` ${t('expect.unit')}`));
  }
  return h('p', { class: 'sf-big' }, t('expect.points', { n: round(Math.max(0, made.degradation)) }));
}

function sentence(look) {
  const made = look.prediction;
  const own = expected(look);
  const lost = made.degradation;
  if (made.tier === 'measured') return t('expect.trained');
  const how = lost < 0.5 ? t('expect.nothing') : count('expect.loses', Number(round(lost).replace(/\D/g, '')));
  const [low, high] = own ? [own.low, own.high] : [Math.max(0, made.low), Math.max(0, made.high)];
  const often = Math.abs(made.coverage - 0.9) < 1e-9 ? t('expect.often') : t('expect.coverage', { n: round(100 * made.coverage) });
  return `${how} ${t(own ? 'expect.interval' : 'expect.interval.points', { often, low: round(low), high: round(high) })}`;
}

/** What the noise floor says of a difference in points, as a sentence; empty where there is none. */
export function floor(difference, least) {
  if (least === null || least === undefined || difference === null) return '';
  return ` ${t(Math.abs(difference) < least ? 'noise.below' : 'noise.floor', { n: number(least, 1) })}`;
}

function basis(look) {
  const made = look.prediction;
  const inputs = { 16: 16, 64: 64, l16: 16, l32: 32, l64: 64 }[asked.evidence] || 16;
  const skill = backbone()?.skills?.find((r) => r.kind === made.tier && (r.inputs === null || r.inputs === inputs));
  if (looked().early) return h('p', { class: 'sf-soft', id: 'sf-early' }, `${t(`basis.${made.tier}`, { n: 16 })} ${t('basis.more')}`);
  const said = t(`basis.${made.tier}`, { n: inputs });
  if (asked.task === OWN || (!skill && state.server?.ready)) return h('p', { class: 'sf-soft' }, said);
  return h('details', { class: 'sf-soft', id: 'sf-basis' }, h('summary', null, `${said} ${t('basis.how')}`),
    !skill ? h('p', null, t('state.loading.short')) : h('p', null, t('basis.skill', {
      n: round(skill.n), error: number(skill.error, 1), constant: number(skill.constant, 1), coverage: round(100 * skill.coverage),
    }), skill && !skill.shown ? ` ${t('basis.unproven')}` : null));
}

function expect() {
  const look = looked();
  if (state.empty) return [h('p', { class: 'sf-hint' }, t('expect.empty'))];
  if (look.error) return [problem(look.error, 'look')];
  if (!look.data) return [h('p', { class: 'sf-big sf-wait' }, '…')];
  const made = look.data.prediction;
  if (made.degradation === null) {
    return [h('p', { class: 'sf-big' }, t('expect.none')), unread(made) || h('p', null, why(made)),
      axis({ usual: look.data.usual, chance: look.data.chance, ...results() })];
  }
  const guess = visit.find((row) => row.key === wordingKey())?.guess;
  return [headline(look.data), h('p', { class: 'sf-say' }, sentence(look.data), floor(made.degradation, made.noise_floor)),
    expected(look.data) ? axis({ usual: look.data.usual, chance: look.data.chance, own: expected(look.data), guess, ...results() }) : null,
    unread(made), basis(look.data)];
}

/** Why there is no number. */
function why(made) {
  if (state.server?.ready && backbone().loaded !== false && !backbone().skills.length) return t('expect.uncalibrated');
  return t(made.abstains === 'foreign' ? 'expect.foreign' : 'expect.abstains');
}

function unread(made) {
  const found = made.reliance;
  if (!found || found.reads) return null;
  return h('p', { class: 'sf-say', id: 'sf-unread' }, t('expect.unread', { n: round(found.texts), lost: number(found.loss, 1) }));
}

function results() {
  const found = measuredOf();
  if (!found.length) return {};
  return { measured: found[0].accuracy, aligned: found[1]?.accuracy };
}

function closest() {
  const look = looked().data;
  if (state.empty || !look) return [h('p', { class: 'sf-hint' }, t('close.empty'))];
  const near = look.prediction.nearest[0];
  if (!near) return [h('p', { class: 'sf-hint' }, t('close.none'))];
  const texts = Object.fromEntries(look.prediction.nearest.map((n) => [n.instruction_id, n.text]));
  const far = Number.isFinite(near.percentile) && near.percentile > 90;
  const same = near.text.trim() === asked.instruction.trim();
  return [h('div', { class: 'sf-near' },
    h('div', null,
      h('button', { type: 'button', id: 'sf-take', class: 'sf-quote', title: t('close.take'), onclick: () => take(near.text) }, near.text.replace(/\n+/g, '\n')),
      h('p', { class: 'sf-soft' }, near.accuracy === null ? t('close.unmeasured') : t('close.accuracy', { n: round(near.accuracy) }), ' ',
        same ? t('close.same') : h('span', { title: t('tip.distance', { distance: number(near.distance, 1), percentile: round(near.percentile) }) }, t(far ? 'close.unusual' : 'close.usual')),
        look.map ? ` ${t('close.count', { n: look.map.ids.length })}` : ''),
      same ? null : h('p', { class: 'sf-yours', tabindex: '0' }, t('close.yours'), ' ', marked(asked.instruction, near.text))),
    map(look, texts))];
}

const short = (text, most) => (text.length > most ? `${text.slice(0, most * 0.55).trimEnd()} … ${text.slice(-most * 0.4).trimStart()}` : text);

/** A question's fields in one line, cut in the middle. */
const questionText = (fields, most = 170) => short(Object.values(fields).join(' | ').replace(/\s+/g, ' '), most);

function chosen(found) {
  const { questions } = found;
  return questions.find((q) => q.example.id === asked.question)
    || questions.find((q) => !q.comparison.agree) || questions[0];
}

/** Shows the next question, those first on which the models differ. */
export function next() {
  const found = answered().data;
  if (!found) return;
  const order = [...found.questions.filter((q) => !q.comparison.agree), ...found.questions.filter((q) => q.comparison.agree)];
  const at = order.indexOf(chosen(found));
  change({ question: order[(at + 1) % order.length].example.id });
}

function verdict(found) {
  const n = found.questions.length;
  if (found.models.length < 2) return found.models[0].includes('+') ? t('answers.alone', { label: t('side.predict.for') }) : t('answers.single');
  const differ = found.questions.filter((q) => !q.comparison.agree).length;
  return n > 1 ? t('answers.differ', { n: round(differ), of: round(n) }) : '';
}

function average(found) {
  const gain = (backbone(found.models[1])?.gains || data.gains).find((g) => g.model === found.models[1]);
  if (!gain) return null;
  const clear = gain.low > 0 || gain.high < 0;
  return h('p', { class: 'sf-soft' }, t(clear ? 'answers.average.clear' : 'answers.average', {
    value: signed(gain.value), low: signed(gain.low), high: signed(gain.high),
  }));
}

function answers() {
  const title = document.getElementById('sf-question');
  const made = answered();
  if (title) title.textContent = '';
  if (state.empty) return [h('p', { class: 'sf-hint' }, t('answers.empty'))];
  if (!comparable()) return [h('p', { class: 'sf-hint' }, t('answers.options'))];
  if (made.error) return [problem(made.error, 'answers')];
  const found = made.data;
  if (!found) {
    const before = visit.find((row) => row.key === earlier.answers()?.key);
    return [h('p', { class: 'sf-hint sf-wait' }, before ? t('answers.stale', { text: short(before.instruction, 60) }) : '…')];
  }
  const question = chosen(found);
  if (title) title.textContent = `“${questionText(question.example.fields)}”`;
  const { example, comparison } = question;
  const names = [0, 1].map((n) => modelName(n, ...found.models));
  return [
    h('div', { class: found.models.length < 2 ? 'sf-two sf-alone' : 'sf-two' }, comparison.answers.map((answer, n) =>
      h('div', { class: n ? 'sf-model sf-aligned' : 'sf-model' },
        h('h3', null, h('span', { title: answer.model }, names[n]),
          h('span', null, example.answer === null ? '' : answer.option === example.answer ? '✓ ' : '✗ ',
            example.answer === null ? null : h('span', { class: 'sf-hidden' }, t(answer.option === example.answer ? 'answers.is.right' : 'answers.is.wrong')), ` ${answer.option}`)),
        bars(answer, example.options, example.answer)))),
    asked.task === OWN && repeated() ? h('p', { class: 'sf-soft' }, t('answers.repeated')) : null,
    h('div', { class: 'sf-verdict' }, found.models.length > 1 ? h('strong', null, t(comparison.agree ? 'answers.agree' : 'answers.disagree')) : null,
      h('span', null, ` ${verdict(found)} `),
      found.questions.length > 1 ? h('button', { type: 'button', id: 'sf-next', 'aria-keyshortcuts': 'n', onclick: next }, `${t('answers.next')} ↻`) : null),
    average(found),
  ];
}

function conflict() {
  const found = looked().data?.prediction.conflicts?.[0];
  if (state.empty || !found) return [];
  const list = new Intl.ListFormat(document.documentElement.lang, { type: 'disjunction' });
  return [h('span', null, t('conflict.says', { asked: list.format(found.asked), read: list.format(found.read) }), ' '),
    found.suggestion ? h('button', { type: 'button', id: 'sf-fix', title: found.suggestion, onclick: () => take(found.suggestion) }, t('conflict.fix')) : null];
}

/** Draws the cards anew from the state. */
export function draw() {
  const pending = !state.empty && !looked().key;
  for (const node of [document.getElementById('sf-expect'), document.getElementById('sf-close'), cards.conflict]) {
    node?.classList.toggle('sf-late', pending);
  }
  redraw(cards.answers, answers());
  // What is of an earlier text is hidden until its reply: there is nothing to draw anew.
  if (pending && earlier.look()) return;
  const details = document.getElementById('sf-basis')?.open;
  redraw(cards.expect, expect());
  if (details && document.getElementById('sf-basis')) document.getElementById('sf-basis').open = true;
  redraw(cards.close, closest());
  redraw(cards.conflict, conflict());
  cards.conflict.classList.toggle('sf-warns', Boolean(cards.conflict.children.length));
}

/** The sentence that is announced when a prediction has come. */
export function announcement() {
  const { data: look, early } = looked();
  if (state.empty || !look || early) return '';
  if (look.prediction.degradation === null) return `${t('expect.none')}. ${why(look.prediction)}`;
  const own = expected(look);
  return `${own ? t('expect.spoken', { usual: round(look.usual), n: round(own.value) }) : ''} ${sentence(look)}`.trim();
}
