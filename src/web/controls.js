// Sliders, switches and choices for the controls of a camera.

/** Shows the controls of `camera` in `into`; nothing if it has none. */
export async function showControls(camera, into) {
  const address = `/cameras/${encodeURIComponent(camera)}/controls`;
  const response = await fetch(address);
  if (!response.ok) return;
  const details = document.createElement('details');
  details.className = 'controls';
  const summary = document.createElement('summary');
  summary.textContent = 'Adjust';
  const trouble = document.createElement('p');
  trouble.className = 'trouble';
  trouble.setAttribute('role', 'status');
  const inputs = new Map();

  const show = (controls) => {
    for (const control of controls) {
      const input = inputs.get(control.id);
      if (!input) continue;
      input.disabled = control.read_only || !control.active;
      if (control.type === 'boolean') input.checked = control.value === 1;
      else if (document.activeElement !== input) input.value = control.value;
      input.nextElementSibling.textContent = control.type === 'integer' ? control.value : '';
    }
  };
  let waiting = null;
  let busy = false;
  const send = async (id, value) => {
    // Of a slider's many values only the latest matters.
    waiting = { ...waiting, [id]: value };
    if (busy) return;
    busy = true;
    while (waiting) {
      const body = JSON.stringify(waiting);
      waiting = null;
      try {
        const answer = await (await fetch(address, { method: 'PUT', body })).json();
        trouble.textContent = answer.message ?? '';
        if (answer.controls) show(answer.controls);
      } catch {
        trouble.textContent = 'The server does not answer.';
      }
    }
    busy = false;
  };

  const { controls } = await response.json();
  if (!controls.length) return;
  details.append(summary);
  for (const control of controls) {
    const label = document.createElement('label');
    const name = document.createElement('span');
    name.textContent = control.name;
    const input = document.createElement(control.type === 'menu' ? 'select' : 'input');
    if (control.type === 'menu') {
      input.append(...control.menu.map(({ value, label: text }) => new Option(text, value)));
    } else if (control.type === 'boolean') {
      input.type = 'checkbox';
    } else {
      Object.assign(input, { type: 'range', min: control.min, max: control.max, step: control.step || 1 });
    }
    input.addEventListener('input', () => {
      const value = control.type === 'boolean' ? input.checked : Number(input.value);
      input.nextElementSibling.textContent = control.type === 'integer' ? value : '';
      send(control.id, value);
    });
    inputs.set(control.id, input);
    label.append(name, input, document.createElement('output'));
    details.append(label);
  }
  details.append(trouble);
  show(controls);
  into.append(details);
}
