// What all views are written with: preact, its hooks, and htm.
import { h } from "./preact.js";
import htm from "./htm.js";

export const html = htm.bind(h);
export { Fragment, createContext, createRef, render } from "./preact.js";
export { useCallback, useContext, useEffect, useLayoutEffect, useMemo, useRef, useState } from "./hooks.js";
