// The first requests. This module needs few others, so that they leave before the rest has arrived.

import { modelOf } from "./address.js";
import { readModels } from "./model.js";

/** The models, and the one that the address names or else the first; see `readModels`. */
export const firstModel = readModels(modelOf(location.hash));

firstModel.catch(() => {}); // whoever awaits it shows the error
