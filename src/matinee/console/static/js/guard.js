// Unsaved changes: whoever leaves a form that was changed is asked to save, discard or stay.
(() => {
  const form = document.querySelector("form[data-guard]");
  const dialog = document.getElementById("unsaved-dialog");
  if (!form || !dialog) return;

  const isIgnored = (element) => element.closest("[data-guard-ignore]") !== null;
  const fingerprint = () =>
    JSON.stringify([...new FormData(form)].map(([name, value]) => [name, value instanceof File ? value.name : value]));
  const first = fingerprint();
  let leaving = false;
  let goal = null;
  const isDirty = () => !leaving && ("dirty" in form.dataset || fingerprint() !== first);

  // A form sent after the session has ended would lose what was typed: so ask first, and say how to go on.
  const isSignedIn = async () => {
    try {
      const answer = await fetch("/console/session", { headers: { "x-background": "yes" } });
      return answer.status !== 401;
    } catch {
      return true; // without a connection the browser itself says so
    }
  };

  form.addEventListener("submit", async (event) => {
    if (leaving || event.defaultPrevented) return;
    event.preventDefault();
    if (!(await isSignedIn())) {
      document.getElementById("signed-out-dialog").showModal();
      return;
    }
    leaving = true;
    form.requestSubmit(event.submitter);
  });

  document.addEventListener("click", (event) => {
    const link = event.target.closest("a[href]");
    if (!link || event.ctrlKey || event.metaKey || event.shiftKey || link.target === "_blank") return;
    if (link.hasAttribute("download") || link.getAttribute("href").startsWith("#") || isIgnored(link)) return;
    if (!isDirty()) return;
    event.preventDefault();
    goal = () => location.assign(link.href);
    dialog.showModal();
  });

  // Other forms of the page (sign out, archive) leave it as well.
  document.addEventListener("submit", (event) => {
    if (event.target === form || event.target.matches("[hx-get], [hx-post]") || !isDirty() || event.defaultPrevented) return;
    event.preventDefault();
    delete event.target.dataset.sent;
    event.target.closest("dialog")?.close();
    const other = event.target;
    goal = () => other.submit();
    dialog.showModal();
  }, true);

  dialog.addEventListener("click", (event) => {
    const choice = event.target.closest("[data-unsaved]")?.dataset.unsaved;
    if (!choice) return;
    dialog.close();
    if (choice === "discard") {
      leaving = true;
      goal();
    } else if (choice === "save") {
      form.requestSubmit();
    }
  });

  window.addEventListener("beforeunload", (event) => {
    if (isDirty()) event.preventDefault();
  });
})();
