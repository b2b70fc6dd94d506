// curl, Python and the command that give the number that is shown.

/** A value as a Python literal; the escapes of a JSON string mean the same in Python. */
function literal(value) {
  if (value === null) return 'None';
  if (value === true) return 'True';
  if (value === false) return 'False';
  if (Array.isArray(value)) return `[${value.map(literal).join(', ')}]`;
  if (typeof value !== 'object') return JSON.stringify(value);
  return `{${Object.entries(value).map(([name, one]) => `${JSON.stringify(name)}: ${literal(one)}`).join(', ')}}`;
}

/** A text as one word of a shell. */
const quoted = (text) => (/^[\w./:=+-]+$/.test(text) ? text : `'${text.replace(/'/g, "'\\''")}'`);

const own = (body) => !body.task && body.text && body.options.length > 1;

/** Path and document of the request. The API serves the first backbone alone; the page's own endpoint serves all. */
function asked(body, evidence, first) {
  const { aligned, ...whole } = body;
  if (!first) return { path: 'page/v1/wording', document: { ...whole, ...evidence } };
  const document = { instruction: body.instruction };
  if (body.task) document.task = body.task;
  else if (own(body)) document.inputs = [{ fields: { text: body.text }, options: body.options }];
  if (body.model) document.model = body.model;
  return { path: 'robustness/v1/predict', document: { ...document, ...evidence } };
}

function curl(url, document, key) {
  const lines = [`curl ${quoted(url)}`, "  -H 'Content-Type: application/json'"];
  if (key) lines.push('  -H "Authorization: Bearer $STEADFAST_API_KEY"');
  return [...lines, `  -d ${quoted(JSON.stringify(document))}`].join(' \\\n');
}

function python(url, document, key) {
  const rows = Object.entries(document).map(([name, value]) => `    ${JSON.stringify(name)}: ${literal(value)},`);
  return [
    ...(key ? ['import os', ''] : []), 'import httpx', '', 'asked = {', ...rows, '}',
    ...(key ? ['headers = {"Authorization": "Bearer " + os.environ["STEADFAST_API_KEY"]}'] : []),
    `reply = httpx.post(${literal(url)}, json=asked${key ? ', headers=headers' : ''}, timeout=600)`,
    'print(reply.raise_for_status().json())',
  ].join('\n');
}

/** The command; `options` say which model it loads. */
function command(body, evidence, options) {
  const words = [...(body.task ? ['--task', body.task] : []), ...options, ...Object.entries(evidence).flatMap(([name, n]) => [`--${name}`, String(n)])];
  const lines = [];
  if (own(body)) {
    const row = { input: { text: body.text }, options: body.options.join(' | ') };
    lines.push("cat > question.jsonl <<'END'", JSON.stringify(row), 'END');
    words.push('--inputs', 'question.jsonl');
  }
  return [...lines, ['python -m robustness predict', ...words.map(quoted), '--json', '--', quoted(body.instruction)].join(' ')].join('\n');
}

/** The three texts; `server` is what the server says of itself, and the command is null where it says no options. */
export function snippets(body, evidence, server, root) {
  const model = body.model || server?.original;
  const further = server?.others?.some((other) => other.original === (body.model || '').split('+')[0]);
  const { path, document } = asked(body, evidence, !further);
  const url = new URL(path, root).href;
  const options = server?.commands?.[model];
  return {
    curl: curl(url, document, server?.key), python: python(url, document, server?.key),
    command: options ? command(body, evidence, options) : null,
  };
}
