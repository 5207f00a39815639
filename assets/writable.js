// @ts-check
/** What the pages of an app with streams that can be written load. */

import "./live.js";
import "./writes/writes.js";
