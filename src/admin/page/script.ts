// The page's only script, as text: fetches the page again and again and carries over what differs, so that focus, selection and opened lists stay.
// What is fetched was rendered, and escaped, by the server; nothing here makes markup. Plain JavaScript for any browser of this decade.

export const pageScript = `'use strict';
(() => {
  const EACH_MS = 5000;
  const DEADLINE_MS = 4500;
  const state = document.getElementById('live');
  const title = () => document.title.replace(/^\\? /, '');
  let lastAnswer = new Date();
  let timer = 0;
  let isAsking = false;

  function carryOver(old, fresh) {
    if (old.nodeType !== fresh.nodeType || old.nodeName !== fresh.nodeName) {
      old.replaceWith(document.importNode(fresh, true));
    } else if (old.nodeType === Node.TEXT_NODE) {
      if (old.data !== fresh.data) old.data = fresh.data;
    } else if (old.nodeType === Node.ELEMENT_NODE) {
      carryAttributes(old, fresh);
      const [there, wanted] = [[...old.childNodes], [...fresh.childNodes]];
      there.slice(wanted.length).forEach((node) => node.remove());
      wanted.forEach((node, at) => {
        if (at < there.length) carryOver(there[at], node);
        else old.append(document.importNode(node, true));
      });
    }
  }

  // 'open' is the reader's own
  function carryAttributes(old, fresh) {
    for (const { name } of [...old.attributes]) if (name !== 'open' && !fresh.hasAttribute(name)) old.removeAttribute(name);
    for (const { name, value } of fresh.attributes) if (old.getAttribute(name) !== value) old.setAttribute(name, value);
  }

  async function ask() {
    const answer = await fetch('./', { cache: 'no-store', signal: AbortSignal.timeout(DEADLINE_MS) });
    if (!answer.ok) throw new Error('status ' + answer.status);
    const fresh = new DOMParser().parseFromString(await answer.text(), 'text/html');
    const [parts, wanted] = [document, fresh].map((page) => [...page.querySelectorAll('[data-part]')]);
    // A newer version of the program may have other parts
    if (parts.map(({ id }) => id).join() !== wanted.map(({ id }) => id).join()) throw new Error('another page');
    parts.forEach((part, at) => carryOver(part, wanted[at]));
    document.title = fresh.title;
  }

  async function update() {
    clearTimeout(timer);
    if (isAsking || document.hidden) return;
    isAsking = true;
    try {
      await ask();
      lastAnswer = new Date();
      show('live', 'Live');
    } catch {
      // A page that goes on saying "safe" while nothing answers would be a lie
      show('lost', 'No answer since ' + lastAnswer.toISOString().slice(11, 19) + ' UTC: what stands here may be over');
      document.title = '? ' + title();
    } finally {
      isAsking = false;
      timer = setTimeout(update, EACH_MS);
    }
  }

  function show(name, text) {
    document.documentElement.dataset.live = name;
    if (state.textContent !== text) state.textContent = text;
  }

  document.addEventListener('visibilitychange', update);
  show('live', 'Live');
  timer = setTimeout(update, EACH_MS);
})();
`;
