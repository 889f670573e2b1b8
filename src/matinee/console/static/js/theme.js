// Runs before the first paint, so that a dark page never flashes white.
(() => {
  const root = document.documentElement;
  const prefersDark = matchMedia("(prefers-color-scheme: dark)");
  const chosen = () => localStorage.getItem("matinee-theme");

  const apply = () => root.classList.toggle("dark", (chosen() || (prefersDark.matches ? "dark" : "light")) === "dark");

  apply();
  prefersDark.addEventListener("change", apply);
  window.addEventListener("storage", apply);
  document.addEventListener("click", (event) => {
    if (!event.target.closest("[data-theme-toggle]")) return;
    localStorage.setItem("matinee-theme", root.classList.contains("dark") ? "light" : "dark");
    apply();
  });
})();
