// Makes DOM nodes. Texts become text nodes, so that nothing a visitor types is ever markup.

const SVG = 'http://www.w3.org/2000/svg';

function filled(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes || {})) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith('on')) node.addEventListener(name.slice(2), value);
    else if (name === 'class') node.setAttribute('class', value);
    else if (name in node && typeof value !== 'string' && !(node instanceof SVGElement)) node[name] = value;
    else node.setAttribute(name, value === true ? '' : value);
  }
  node.append(...children.flat(Infinity).filter((c) => c !== null && c !== undefined && c !== false));
  return node;
}

/** An HTML element with attributes (`onclick` and the like are listeners) and children. */
export const h = (tag, attributes, ...children) =>
  filled(document.createElement(tag), attributes, children);

/** An SVG element. */
export const s = (tag, attributes, ...children) =>
  filled(document.createElementNS(SVG, tag), attributes, children);

/**
 * Replaces the children of a node; the element with the same `id` has the focus again. Where it is
 * gone, the first that is there of those that its `data-heirs` names has it.
 */
export function redraw(node, ...children) {
  const held = node.contains(document.activeElement) ? document.activeElement : null;
  node.replaceChildren(...children.flat(Infinity).filter(Boolean));
  if (!held) return;
  const heirs = [held.id, ...(held.dataset.heirs || '').split(' ')].filter(Boolean);
  const heir = heirs.map((id) => document.getElementById(id)).find((found) => found && !found.disabled);
  heir?.focus({ preventScroll: true });
}
