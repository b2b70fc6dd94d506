// Asks the page's own endpoints. An error has a `kind`: `away`, `input`, `busy`, `full` (too many
// ask), `limit` (this visitor asked too much), `key`, `index` (the model has none) or `server`.

export class Problem extends Error {
  constructor(kind, message = '') {
    super(message);
    this.kind = kind;
  }
}

function kindOf(status, code) {
  if (code === 'engine_unavailable' || status === 502 || status === 504) return 'busy';
  if (code === 'index_unavailable') return 'index';
  if (status === 429) return code === 'server_busy' ? 'full' : 'limit';
  if (status === 401) return 'key';
  if (status >= 400 && status < 500) return 'input';
  return 'server';
}

const TRIES = 5;
/** Times that a request is sent while the queues are full. */

async function replied(path, options) {
  for (let tries = 1; ; tries += 1) {
    let reply;
    try {
      reply = await fetch(`page/v1/${path}`, options);
    } catch (error) {
      if (error.name === 'AbortError') throw error;
      throw new Problem('away');
    }
    if (reply.ok) return reply;
    let told = {};
    try {
      told = (await reply.json()).error || {};
    } catch (error) {
      if (error.name === 'AbortError') throw error;
      // A proxy's page, whose text helps nobody, or a refusal whose text was lost on the way.
      if (reply.status === 429) told.code = 'server_busy';
    }
    if (told.code !== 'server_busy' || tries === TRIES) {
      throw new Problem(kindOf(reply.status, told.code), told.message || '');
    }
    const seconds = Number(reply.headers.get('Retry-After')) || 1;
    // Not all at the same moment again.
    await new Promise((done) => { setTimeout(done, seconds * (500 + 500 * Math.random())); });
  }
}

const body = (document) => ({
  method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(document),
});

/** The document of a GET. */
export const get = async (path, signal) => (await replied(path, { signal })).json();

/** The document of a POST of JSON. */
export const post = async (path, document, signal) =>
  (await replied(path, { ...body(document), signal })).json();

/** The text of a POST of JSON. */
export const text = async (path, document, signal) =>
  (await replied(path, { ...body(document), signal })).text();

/** The document of a POST or DELETE of anything. */
export const send = async (path, options) => (await replied(path, options)).json();

/** Calls `take` with each line of a streamed reply as it comes. */
export async function lines(path, document, take, signal) {
  const reader = (await replied(path, { ...body(document), signal })).body
    .pipeThrough(new TextDecoderStream()).getReader();
  let left = '';
  for (;;) {
    let part;
    try {
      part = await reader.read();
    } catch (error) {
      if (error.name === 'AbortError') throw error;
      throw new Problem('away');
    }
    if (part.done) return;
    const whole = (left + part.value).split('\n');
    left = whole.pop();
    for (const line of whole) {
      const row = JSON.parse(line);
      if (row.error) throw new Problem(kindOf(row.error.code === 'engine_unavailable' ? 503 : row.error.type === 'invalid_request_error' ? 400 : 500, row.error.code), row.error.message);
      take(row);
    }
  }
}
