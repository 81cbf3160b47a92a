// Keeps the picture fresh and fits the frame to it. The page reads the same
// without this script.
(() => {
  'use strict';
  const id = document.documentElement.dataset.extension;
  const every = 2000;
  let instance = '';
  let search = location.search;

  // The Web UI's side of the frame: its theme, the frame's height and, where it
  // is permitted, the run whose page is open.
  const say = (message) => parent.postMessage({ version: 1, extensionId: id, ...message }, '*');
  const fit = () => instance && say({
    type: 'temporal-extension/resize', instanceId: instance, height: Math.ceil(document.body.getBoundingClientRect().height),
  });
  addEventListener('message', (event) => {
    const said = event.data;
    if (event.source !== parent || !said || said.extensionId !== id) return;
    if (said.type === 'temporal-ui/welcome') {
      instance = said.instanceId;
      say({ type: 'temporal-extension/ready', instanceId: instance });
      fit();
    } else if (said.type === 'temporal-ui/theme') {
      document.documentElement.dataset.theme = said.theme === 'dark' ? 'dark' : 'light';
    } else if (said.type === 'temporal-ui/context' && said.context && said.context.workflow) {
      const { workflowId, runId } = said.context.workflow;
      const asked = '?' + new URLSearchParams({ workflow: workflowId || '', run: runId || '' });
      if (asked !== search) { search = asked; refresh(); }
    }
  });

  const refresh = async () => {
    if (document.hidden) return;
    const asked = search;
    let fresh = null;
    try {
      const answer = await fetch(location.pathname + asked, { cache: 'no-store' });
      if (answer.ok) fresh = new DOMParser().parseFromString(await answer.text(), 'text/html').querySelector('main');
    } catch { /* said below */ }
    if (asked !== search) return;
    document.getElementById('stale').hidden = fresh !== null;
    // Somebody may be copying a command: the picture waits, with its time in it.
    if (fresh && !String(getSelection())) document.querySelector('main').replaceWith(fresh);
    fit();
  };
  if (parent !== window) say({ type: 'temporal-extension/hello' });
  setInterval(refresh, every);
  document.addEventListener('visibilitychange', refresh);
})();
