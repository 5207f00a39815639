// @ts-check
/** What the pages of an app with streams load, also a page without a list: it may lead for the others. */

import "./leader.js";
import "./streams/streams.js";
import "./presence/presence.js";
