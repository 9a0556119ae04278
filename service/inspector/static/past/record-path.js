// The paths of one recorded request.

/** Whether an address can name the id: browsers resolve "." and ".." as folders. */
export function isAddressable(id) {
  return id !== "." && id !== ".." && id.isWellFormed();
}

/** @param {string} id any well-formed text; @param {string} [action] "flag" or "what-if" */
export function recordPath(id, action) {
  const path = `requests/${encodeURIComponent(id)}`;
  return action ? `${path}/${action}` : path;
}
