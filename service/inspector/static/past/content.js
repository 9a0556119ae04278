// Content that is read again while the reader is in the middle of it.

/**
 * Show these children in place of those that are there. Nodes of the same kind stay and get the new
 * text and attributes, so the focus, a selection, open details and scrolled boxes stay as they are.
 * They also keep their listeners, which have to do what those of the new nodes would.
 */
export function updateContent(parent, ...children) {
  const wanted = document.createDocumentFragment();
  wanted.append(...children.flat().filter((child) => child !== null));
  adopt(parent, wanted);
}

function adopt(parent, wanted) {
  let rest = [...parent.childNodes];
  for (const node of [...wanted.childNodes]) {
    const index = rest.findIndex(({ nodeName }) => nodeName === node.nodeName);
    if (index < 0) {
      parent.insertBefore(node, rest[0] ?? null);
      continue;
    }
    rest.slice(0, index).forEach((other) => other.remove());
    become(rest[index], node);
    rest = rest.slice(index + 1);
  }
  rest.forEach((other) => other.remove());
}

function become(node, wanted) {
  if (node.nodeType === Node.TEXT_NODE) {
    if (node.data !== wanted.data) node.data = wanted.data;
    return;
  }
  for (const { name } of [...node.attributes]) {
    if (name !== "open" && !wanted.hasAttribute(name)) node.removeAttribute(name); // the reader opens details
  }
  for (const { name, value } of wanted.attributes) {
    if (node.getAttribute(name) !== value) node.setAttribute(name, value);
  }
  adopt(node, wanted);
}
