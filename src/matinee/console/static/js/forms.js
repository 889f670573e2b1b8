// Forms: focus on the list of problems, one submit only, parts that depend on a choice, rows that can be added.
(() => {
  const start = (root) => {
    root.querySelector("[data-problems]")?.focus();
    root.querySelectorAll("[data-show-when]").forEach(showOrHide);
  };

  // data-show-when="payment_method=ppv": shown while that radio button or select has that value.
  const showOrHide = (part) => {
    const [name, wanted] = part.dataset.showWhen.split("=");
    const form = part.closest("form");
    const control = form.elements[name];
    const value = control instanceof RadioNodeList ? control.value : control?.value;
    part.hidden = !wanted.split("|").includes(value);
  };

  document.addEventListener("change", (event) => {
    event.target.form?.querySelectorAll("[data-show-when]").forEach(showOrHide);
  });

  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (!form.matches("[data-busy]") || event.defaultPrevented) return;
    if (form.dataset.sent) {
      event.preventDefault();
      return;
    }
    form.dataset.sent = "yes";
    const button = event.submitter;
    if (!button) return;
    // After the browser has collected the form: a disabled button's own value would be left out.
    setTimeout(() => {
      button.setAttribute("aria-disabled", "true");
      if (button.dataset.busyText) button.textContent = button.dataset.busyText;
    });
  });

  // The page comes back from the browser's memory: what was sent may be sent again.
  window.addEventListener("pageshow", (event) => {
    if (!event.persisted) return;
    for (const form of document.querySelectorAll("form[data-sent]")) delete form.dataset.sent;
  });

  // data-rows holds rows and a <template> whose names contain __n__.
  const addRow = (rows) => {
    const next = Number(rows.dataset.next);
    rows.dataset.next = String(next + 1);
    const holder = document.createElement("div");
    holder.innerHTML = rows.querySelector("template").innerHTML.replaceAll("__n__", String(next));
    const row = holder.firstElementChild;
    rows.querySelector("[data-rows-list]").append(row);
    row.querySelector("input, select")?.focus();
    changed(rows);
  };

  const changed = (element) => element.dispatchEvent(new Event("change", { bubbles: true }));

  const moveRow = (row, step) => {
    const other = step < 0 ? row.previousElementSibling : row.nextElementSibling;
    if (!other) return;
    if (step < 0) other.before(row);
    else other.after(row);
    changed(row.parentElement);
  };

  document.addEventListener("click", (event) => {
    const add = event.target.closest("[data-row-add]");
    if (add) addRow(add.closest("[data-rows]"));
    const remove = event.target.closest("[data-row-remove]");
    if (remove) {
      const rows = remove.closest("[data-rows]");
      remove.closest("[data-row]").remove();
      rows.querySelector("[data-row-add]").focus();
      changed(rows);
    }
    const move = event.target.closest("[data-row-move]");
    if (move) {
      moveRow(move.closest("[data-row]"), Number(move.dataset.rowMove));
      move.focus();
    }
  });

  start(document);
  document.addEventListener("htmx:after:swap", () => {
    document.querySelectorAll("[data-show-when]").forEach(showOrHide);
  });
})();
