// Films: the chosen file is sent at once, with progress; the form only carries its id. Posters: shown before saving.
(() => {
  const part = document.querySelector("[data-upload]");
  const find = (name) => part.querySelector(`[data-upload-${name}]`);
  let running = null;

  const say = (element, text) => {
    element.textContent = text;
    element.hidden = !text;
  };

  const size = (bytes) => (bytes < 1e9 ? `${(bytes / 1e6).toFixed(1)} MB` : `${(bytes / 1e9).toFixed(2)} GB`);

  const ended = (message) => {
    running = null;
    find("progress").hidden = true;
    say(find("error"), message);
  };

  const received = (request) => {
    if (request.status !== 201) {
      const told = request.status === 422 || request.status === 503 ? request.responseText : "";
      return ended(told || "The upload did not work. Sign in again if you were away for long, then try once more.");
    }
    ended("");
    document.getElementById("asset_id_value").value = request.getResponseHeader("X-Asset-Id");
    find("state").innerHTML = request.responseText;
    htmx.process(find("state"));
  };

  const send = (file) => {
    const request = new XMLHttpRequest();
    running = request;
    say(find("error"), "");
    find("progress").hidden = false;
    request.open("POST", part.dataset.upload);
    request.setRequestHeader("Content-Type", "application/octet-stream");
    request.setRequestHeader("x-csrftoken", part.dataset.csrf);
    request.setRequestHeader("x-file-name", encodeURIComponent(file.name));
    request.upload.addEventListener("progress", (event) => {
      const percent = event.total ? Math.floor((event.loaded / event.total) * 100) : 0;
      find("progress").querySelector("progress").value = percent;
      find("text").textContent = `Uploading ${file.name}: ${percent} % of ${size(file.size)}`;
    });
    request.addEventListener("load", () => received(request));
    request.addEventListener("error", () => ended("The connection broke. Choose the film again."));
    request.addEventListener("abort", () => ended("The upload was cancelled."));
    request.send(file);
  };

  if (part) {
    part.addEventListener("change", (event) => {
      if (event.target.id !== "film" || !event.target.files.length) return;
      running?.abort();
      send(event.target.files[0]);
      event.target.value = "";
    });
    part.addEventListener("click", (event) => {
      if (event.target.closest("[data-upload-cancel]")) running?.abort();
    });
    window.addEventListener("beforeunload", (event) => {
      if (running) event.preventDefault();
    });
    // Saving now would save the movie without the film that is still on its way.
    part.closest("form").addEventListener("submit", (event) => {
      if (!running) return;
      event.preventDefault();
      event.stopImmediatePropagation();
      say(find("error"), "The film is still being uploaded. Wait for it, or cancel the upload, then save.");
      find("error").scrollIntoView({ block: "center" });
    }, true);
  }

  const poster = document.querySelector("[data-poster] input[type=file]");
  poster?.addEventListener("change", () => {
    if (!poster.files.length) return;
    const image = document.createElement("img");
    image.alt = "The poster as you chose it";
    image.src = URL.createObjectURL(poster.files[0]);
    image.addEventListener("load", () => URL.revokeObjectURL(image.src));
    document.querySelector("[data-poster-frame]").replaceChildren(image);
  });
})();
