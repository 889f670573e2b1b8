/**
 * Takes away what Chromium 68 lacks. A browser test runs it before the app starts (as an init script): the app
 * must then work as it does on a television set of 2020.
 */
(() => {
  const missing = {
    "": ["queueMicrotask", "structuredClone", "requestIdleCallback", "reportError", "WeakRef", "FinalizationRegistry"],
    "Array": ["fromAsync"],
    "Array.prototype": [
      "at", "findLast", "findLastIndex", "flat", "flatMap", "toReversed", "toSorted", "toSpliced", "with",
    ],
    "String.prototype": ["at", "matchAll", "replaceAll", "trimEnd", "trimStart", "isWellFormed"],
    "Object": ["fromEntries", "groupBy", "hasOwn"],
    "Promise": ["allSettled", "any", "try", "withResolvers"],
    "Element.prototype": ["checkVisibility", "replaceChildren", "toggleAttribute", "getHTML", "setHTMLUnsafe"],
    "Document.prototype": ["replaceChildren", "startViewTransition"],
    "DocumentFragment.prototype": ["replaceChildren"],
    "AbortSignal": ["any", "timeout"],
    "Crypto.prototype": ["randomUUID"],
    "Intl": ["DisplayNames", "ListFormat", "RelativeTimeFormat", "Segmenter"],
  };
  for (const path of Object.keys(missing)) {
    const owner = path === "" ? window : path.split(".").reduce((found, name) => found[name], window);
    for (const name of missing[path]) Reflect.deleteProperty(owner, name);
  }
})();
