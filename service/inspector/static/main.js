// The start of the page.

import "./first-model.js";
import "./key-dialog.js";
import "./status-line.js";
import { startLinks } from "./copy-link.js";
import { startModels } from "./model-choice.js";
import { startNavigation } from "./navigation.js";
import { startPredictions } from "./predictions.js";
import { startViews } from "./views.js";

startPredictions();
startNavigation();
startViews();
startLinks();
startModels();
