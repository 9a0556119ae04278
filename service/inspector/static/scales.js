// Factors of the layers' gates, by layer name; a factor of 1 is left out. Nothing is changed in place.

const SHORT_LIST = 8; // changes that are listed one by one

/**
 * The answer of a what-if, which is none while all layers are open: the scales change at once, the
 * answer follows later.
 *
 * @param {import("./store.js").State} state
 */
export function shownWhatIf({ scales, whatIf }) {
  return Object.keys(scales).length > 0 ? whatIf : null;
}

/** The factor of a layer; its name can be any text, such as "constructor". */
export function factorOf(scales, name) {
  return Object.hasOwn(scales, name) ? scales[name] : 1;
}

/** Set the factor of a layer. */
export function withFactor(scales, name, factor) {
  const { [name]: _, ...others } = scales;
  return factor === 1 ? others : { ...others, [name]: factor };
}

/** Close a layer, or open one that is closed. */
export function toggled(scales, name) {
  return withFactor(scales, name, factorOf(scales, name) === 0 ? 1 : 0);
}

/** Close all layers from this index on; those before keep their factors. */
export function closedFrom(scales, layers, index) {
  const closed = layers.slice(index).map(({ name }) => [name, 0]);
  return { ...scales, ...Object.fromEntries(closed) };
}

/** Leave out these layers' factors. */
export function without(scales, names) {
  return Object.fromEntries(Object.entries(scales).filter(([name]) => !names.includes(name)));
}

/**
 * The changes in the order of the layers. Of many, neighbours with the same factor are one item.
 * @returns {{names: string[], factor: number}[]}
 */
export function changes(scales, layers) {
  const single = Object.keys(scales).length <= SHORT_LIST;
  const found = [];
  let previous = null;
  layers.forEach(({ name }, index) => {
    if (!Object.hasOwn(scales, name)) return;
    const item = found.at(-1);
    if (!single && previous === index - 1 && item.factor === scales[name]) item.names.push(name);
    else found.push({ names: [name], factor: scales[name] });
    previous = index;
  });
  return found;
}
