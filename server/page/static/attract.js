// Types the examples when nobody has touched the page for a minute; any key or touch ends it.

import { running, state } from './live.js';
import { asked, change } from './store.js';

const IDLE = 60;
const KEY = 70;
const REST = 5000;

let timer;
let before = null;
let run = 0;

const seconds = () => {
  const given = new URLSearchParams(location.search).get('attract');
  return given === null ? IDLE : Number(given);
};
const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

async function play(examples, told) {
  const mine = ++run;
  before = { ...asked };
  state.attract = true;
  told(true);
  for (let n = 0; mine === run; n = (n + 1) % examples.length) {
    const { instruction, task } = examples[n].asked;
    change({ task, question: '', text: '', options: '', model: '', aligned: '', evidence: '16' }, { quiet: true });
    for (let end = 1; end <= instruction.length && mine === run; end++) {
      change({ instruction: instruction.slice(0, end) }, { quiet: true });
      await pause(KEY);
    }
    await pause(REST);
  }
}

/** Starts the clock; `told` is called with whether the examples are played. */
export function watch(examples, told) {
  const wait = () => {
    clearTimeout(timer);
    if (seconds() > 0) timer = setTimeout(() => {
      if (asked.tab === 'try' && !document.querySelector('dialog[open]') && !running() && !state.away) play(examples, told);
      else wait();
    }, 1000 * seconds());
  };
  const touched = () => {
    if (state.attract) {
      run++;
      state.attract = false;
      change(before, { quiet: true });
      told(false);
    }
    wait();
  };
  for (const event of ['keydown', 'pointerdown', 'wheel', 'touchstart']) addEventListener(event, touched, { passive: true, capture: true });
  wait();
}
