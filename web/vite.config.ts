import react from "@vitejs/plugin-react";
import { defineConfig } from "vitest/config";

const SERVER = "http://127.0.0.1:8470";

export default defineConfig({
  plugins: [react()],
  build: {
    outDir: "../server/static",
    emptyOutDir: true,
    target: "es2022",
    assetsInlineLimit: 0, // the content security policy allows no data: addresses
    modulePreload: { polyfill: false },
  },
  worker: { format: "es" },
  server: { proxy: { "/v1": SERVER } },
  // One jsdom for all files of a worker: making it anew for each takes longer than the tests; setup.ts cleans up.
  test: { environment: "jsdom", setupFiles: ["src/testing/setup.ts"], restoreMocks: true, isolate: false },
});
