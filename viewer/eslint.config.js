import js from "@eslint/js";
import compat from "eslint-plugin-compat";
import solid from "eslint-plugin-solid/configs/typescript";
import tseslint from "typescript-eslint";

export default tseslint.config(
  { ignores: ["node_modules/", "dist/"] },
  js.configs.recommended,
  ...tseslint.configs.strict,
  {
    files: ["src/**/*.{ts,tsx}"],
    ...solid,
  },
  {
    files: ["src/**/*.{ts,tsx}"],
    ...compat.configs["flat/recommended"],
  },
  {
    files: ["src/**/*.{ts,tsx}", "tests/**/*.ts"],
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    rules: {
      "@typescript-eslint/no-floating-promises": "error",
      "@typescript-eslint/no-misused-promises": ["error", { checksVoidReturn: { attributes: false } }],
      "@typescript-eslint/switch-exhaustiveness-check": "error",
      "max-lines": ["error", { max: 250 }],
      "max-lines-per-function": ["error", { max: 70 }],
      complexity: ["error", 12],
      eqeqeq: "error",
      "no-console": "error",
      "@typescript-eslint/no-unused-vars": ["error", { argsIgnorePattern: "^_" }],
    },
  },
  {
    // Pages and components are one function each, mostly markup; a suite is one function of tests.
    files: ["src/**/*.tsx", "tests/**/*.ts"],
    rules: { "max-lines-per-function": "off" },
  },
  {
    files: ["*.ts"],
    languageOptions: { globals: { process: "readonly" } },
  },
  {
    files: ["tests/old-engine.js"],
    languageOptions: { globals: { window: "readonly" } },
  },
);
