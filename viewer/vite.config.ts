import { defineConfig } from "vite";
import solid from "vite-plugin-solid";

/** The oldest engine in the field that must run the app (television sets of 2020). */
const FLOOR = ["chrome68", "safari14", "firefox90"];

/** For `npm run dev`: the server that answers what the app asks, such as http://aurora.localhost:8000. */
const API = process.env["MATINEE_API"] ?? "http://127.0.0.1:8000";

export default defineConfig({
  plugins: [solid()],
  build: {
    target: FLOOR,
    cssTarget: FLOOR,
    outDir: "../src/matinee/viewer_app",
    emptyOutDir: true,
    // A strict content policy allows no data: addresses for fonts and scripts.
    assetsInlineLimit: 0,
    sourcemap: false,
    // Whose work is inside, and on what terms.
    license: { fileName: "licenses.md" },
    rolldownOptions: { checks: { pluginTimings: false } },
    modulePreload: { polyfill: false },
    // hls.js is one large module by nature, and is fetched at the first Play.
    chunkSizeWarningLimit: 700,
  },
  server: {
    host: "127.0.0.1",
    proxy: { "/api": { target: API }, "/published": { target: API }, "/media": { target: API } },
  },
  test: { include: ["tests/**/*.test.ts"], environment: "node", css: true },
});
