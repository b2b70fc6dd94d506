// The description of the API, drawn from /openapi.json.

import { h } from './html.js';

const named = (ref) => ref.split('/').pop();

function shape(schema, all, depth = 0) {
  if (!schema) return '';
  if (schema.$ref) return depth > 3 ? named(schema.$ref) : shape(all[named(schema.$ref)], all, depth + 1);
  if (schema.anyOf) return schema.anyOf.map((one) => shape(one, all, depth + 1)).join(' | ');
  if (schema.type === 'array') return `[${shape(schema.items, all, depth + 1)}]`;
  if (!schema.properties) return schema.enum ? schema.enum.map((v) => JSON.stringify(v)).join(' | ') : schema.const !== undefined ? JSON.stringify(schema.const) : schema.type || 'any';
  const space = '  '.repeat(depth + 1);
  const wanted = new Set(schema.required || []);
  const rows = Object.entries(schema.properties).map(([name, value]) => `${space}${name}${wanted.has(name) ? '' : '?'}: ${shape(value, all, depth + 1)}`);
  return `{\n${rows.join('\n')}\n${'  '.repeat(depth)}}`;
}

const content = (of) => Object.values(of?.content || {})[0]?.schema;

async function start() {
  const place = document.getElementById('docs');
  const reply = await fetch('openapi.json');
  const found = await reply.json();
  if (!reply.ok) {
    place.append(h('p', { role: 'alert' }, found.error?.message || reply.statusText));
    return;
  }
  const all = found.components?.schemas || {};
  for (const [path, methods] of Object.entries(found.paths)) {
    for (const [method, made] of Object.entries(methods)) {
      const asked = shape(content(made.requestBody), all);
      const given = shape(content(made.responses?.['200']), all);
      place.append(h('details', { class: 'sf-block' },
        h('summary', null, h('b', null, method.toUpperCase()), ` ${path}`, h('span', { class: 'sf-soft' }, ` ${made.description || made.summary || ''}`)),
        made.parameters?.length ? h('p', null, made.parameters.map((p) => `${p.name}${p.required ? '' : '?'}: ${shape(p.schema, all)}`).join(', ')) : null,
        asked ? [h('h2', null, 'Request'), h('pre', { tabindex: '0' }, asked)] : null,
        given ? [h('h2', null, 'Reply'), h('pre', { tabindex: '0' }, given)] : null));
    }
  }
}

start();
