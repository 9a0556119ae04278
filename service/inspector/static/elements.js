// Elements of the page, built without HTML strings: text can never become markup.

const SVG = "http://www.w3.org/2000/svg";

/**
 * Build an HTML element. An attribute whose name begins with "on" is an event listener, `class`,
 * `aria-…` and others are attributes; true is an empty attribute, false and null leave it out.
 * Children are nodes or text; null and false are left out.
 */
export function element(tag, attributes = {}, ...children) {
  return filled(document.createElement(tag), attributes, children);
}

/** Build an SVG element in the same way. */
export function svg(tag, attributes = {}, ...children) {
  return filled(document.createElementNS(SVG, tag), attributes, children);
}

/** Replace the children of an element. */
export function fill(parent, ...children) {
  parent.replaceChildren(...present(children));
  return parent;
}

function filled(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === false || value === undefined) continue;
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else node.setAttribute(name, value === true ? "" : value);
  }
  node.append(...present(children));
  return node;
}

function present(children) {
  return children.flat().filter((child) => child !== null && child !== false && child !== undefined);
}
