// Changes of the document that are made only where something differs.

/** Set an attribute; null removes it. */
export function writeAttribute(node, name, value) {
  if (value === null) node.removeAttribute(name);
  else if (node.getAttribute(name) !== String(value)) node.setAttribute(name, value);
}

/** Set the text of a node that has no other children. */
export function writeText(node, value) {
  if (node.textContent !== value) node.textContent = value;
}
