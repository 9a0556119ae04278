// The formula of a highway layer with the numbers of one unit, and in words.

const DIGITS = 2;

/**
 * What a unit computes and what it carries, rounded so that both still add up to one.
 *
 * @param {number} openness T, beyond 1 where a layer is scaled up
 * @returns {{computed: string, sign: "+"|"−", carried: string}} `y = computed·H(x) sign carried·x`
 */
export function formulaParts(openness) {
  const computed = Number(openness.toFixed(DIGITS));
  const carried = 1 - computed;
  return {
    computed: computed.toFixed(DIGITS),
    sign: carried < 0 ? "−" : "+",
    carried: Math.abs(carried).toFixed(DIGITS),
  };
}

/** What a unit does, in a sentence. `factor` is that of its layer. */
export function formulaSentence(openness, factor) {
  if (factor === 0) return "Its layer is closed: this unit passes on what it was given, unchanged.";
  if (openness > 1) {
    return `Its layer is opened beyond its range: this unit takes ${whole(openness)} of what the layer ` +
      `computes, and subtracts ${whole(openness - 1)} of what it was given.`;
  }
  const computed = whole(openness);
  const carried = computed === "less than 1 %" ? "more than 99 %"
    : computed === "more than 99 %" ? "less than 1 %"
      : whole(1 - Number(openness.toFixed(DIGITS)));
  return `This unit takes ${computed} of what the layer computes and ${carried} of what it was given.`;
}

function whole(share) {
  if (share > 0 && share < 0.005) return "less than 1 %";
  if (share < 1 && share >= 0.995) return "more than 99 %";
  return `${Math.round(100 * share)} %`;
}
