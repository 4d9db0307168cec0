// Restante: comfort on top of pages that work without it. No requests are made from here.
(() => {
  'use strict';
  const root = document.documentElement;
  const $ = (sel, from = document) => from.querySelector(sel);
  const $$ = (sel, from = document) => [...from.querySelectorAll(sel)];
  const plural = (n) => `${n} ${n === 1 ? 'message' : 'messages'}`;
  const say = (text) => { $('#say').textContent = text; };
  root.classList.add('js');

  // Times: relative where space is short, absolute in the reader's own zone in the title.
  const lang = root.lang === 'en' ? 'en-GB' : root.lang; // day before month, as the server writes it
  const absolute = new Intl.DateTimeFormat(lang, { day: 'numeric', month: 'short', year: 'numeric', hour: '2-digit', minute: '2-digit', hourCycle: 'h23', timeZoneName: 'short' });
  const day = new Intl.DateTimeFormat(lang, { day: 'numeric', month: 'short' });
  const dayYear = new Intl.DateTimeFormat(lang, { day: 'numeric', month: 'short', year: 'numeric' });
  const relative = new Intl.RelativeTimeFormat(lang, { numeric: 'auto' });
  const steps = [['day', 86400], ['hour', 3600], ['minute', 60]];
  const split = (seconds) => {
    const [unit, size] = steps.find(([, s]) => Math.abs(seconds) >= s) || ['minute', 60];
    return [Math.trunc(seconds / size), unit];
  };
  const distance = (seconds) => (Math.abs(seconds) < 60 ? 'just now' : relative.format(...split(seconds)));
  const ahead = (seconds) => (seconds <= 0 ? 'now' : seconds < 60 ? 'within a minute' : relative.format(...split(seconds)));
  const left = (seconds) => {
    if (seconds <= 0) return 'expired';
    if (seconds < 60) return 'under a minute left';
    const [whole, unit] = split(seconds);
    const n = unit === 'day' ? Math.round(seconds / 86400) : whole;
    return `${n} ${unit}${n === 1 ? '' : 's'} left`;
  };
  const times = () => $$('time[data-time]').forEach((el) => {
    const at = new Date(el.dateTime);
    if (Number.isNaN(at.getTime())) return;
    const seconds = (at - Date.now()) / 1000;
    const full = absolute.format(at);
    el.title = full;
    if (el.dataset.time === 'full') {
      const gap = el.parentElement.closest('.will') ? left(seconds) : distance(seconds);
      el.replaceChildren(full, Object.assign(document.createElement('span'), { className: 'sub', textContent: gap }));
    } else if (el.dataset.time === 'exact') {
      el.textContent = full;
    } else if (el.dataset.time === 'ahead') {
      el.textContent = ahead(seconds);
    } else if (el.dataset.time === 'left') {
      el.textContent = left(seconds);
    } else if (seconds > -7 * 86400) {
      el.textContent = distance(seconds);
    } else {
      el.textContent = (at.getFullYear() === new Date().getFullYear() ? day : dayYear).format(at);
    }
  });
  times();
  setInterval(times, 30000);

  // Selecting messages.
  const bulk = $('#bulk');
  const picks = bulk ? $$('[name=id]', bulk) : [];
  const all = $('#all');
  const go = $('#bulk-go');
  let anchor = null;
  const count = () => picks.filter((p) => p.checked).length;
  const tally = () => {
    if (!bulk) return;
    const n = count();
    all.checked = n > 0 && n === picks.length;
    all.indeterminate = n > 0 && n < picks.length;
    go.disabled = n === 0;
    $('span', go).textContent = n ? `Delete ${plural(n)}` : 'Delete';
  };
  const range = (to, on) => {
    const ends = [picks.indexOf(anchor), picks.indexOf(to)].sort((a, b) => a - b);
    picks.slice(ends[0], ends[1] + 1).forEach((p) => { p.checked = on; });
  };
  if (bulk) {
    $('#all-pick').hidden = false;
    all.addEventListener('change', () => { picks.forEach((p) => { p.checked = all.checked; }); tally(); });
    picks.forEach((pick) => pick.addEventListener('click', (event) => {
      if (event.shiftKey && anchor) range(pick, pick.checked);
      anchor = pick;
      tally();
    }));
    // A label click with Shift would select text instead.
    bulk.addEventListener('mousedown', (event) => { if (event.shiftKey && event.target.closest('.pick')) event.preventDefault(); });
    addEventListener('pageshow', tally);
  }

  // A form that was sent is not sent again while its answer is on the way.
  $$('form[data-once]').forEach((form) => form.addEventListener('submit', (event) => {
    if (form.dataset.sent) event.preventDefault();
    form.dataset.sent = 'yes';
  }));
  addEventListener('pageshow', () => $$('form[data-once]').forEach((form) => { delete form.dataset.sent; }));

  // Undoing: how long there is, and that it is over.
  const undo = $('#undo');
  if (undo) {
    const until = Date.now() + Number(undo.dataset.left);
    const words = $('[data-countdown]', undo);
    const form = $('form', undo);
    const over = () => {
      const had = undo.contains(document.activeElement);
      words.parentElement.textContent = 'Gone for good.';
      form.remove();
      undo.classList.add('over');
      if (had) $('#main').focus({ preventScroll: true });
    };
    const tick = () => {
      const seconds = Math.ceil((until - Date.now()) / 1000);
      if (seconds <= 0) { over(); return; }
      words.textContent = seconds > 90 ? `in ${Math.ceil(seconds / 60)} minutes` : `in ${seconds} s`;
      setTimeout(tick, (until - Date.now()) % 1000 + 20);
    };
    tick();
    if (matchMedia('(prefers-reduced-motion: no-preference)').matches) {
      const from = Math.min(1, undo.dataset.left / undo.dataset.grace);
      $('.fuse', undo).animate({ transform: [`scaleX(${from})`, 'scaleX(0)'] }, { duration: Number(undo.dataset.left), fill: 'forwards' });
    }
  }

  $$('[data-close]').forEach((button) => button.addEventListener('click', () => button.closest('dialog').close()));
  $$('dialog').forEach((box) => box.addEventListener('click', (event) => { if (event.target === box) box.close(); }));

  // Copying.
  $$('[data-copy]').forEach((button) => {
    const source = button.dataset.copy ? $(`#${button.dataset.copy}`) : button.previousElementSibling;
    button.hidden = false;
    button.addEventListener('click', async () => {
      try {
        await navigator.clipboard.writeText(source.textContent);
        say('Copied.');
        const label = button.firstElementChild.nextElementSibling.firstChild;
        label.data = 'Copied';
        setTimeout(() => { label.data = 'Copy'; }, 2000);
      } catch {
        getSelection().selectAllChildren(source);
        say('Selected; press Control and C to copy.');
      }
    });
  });

  // Keyboard.
  const help = $('#keys');
  const opener = $('#keys-open');
  const toggle = $('#keys-on');
  const stored = (value) => {
    try { return value === undefined ? localStorage.getItem('keys') : localStorage.setItem('keys', value); } catch { return null; }
  };
  toggle.checked = stored() !== 'off';
  toggle.addEventListener('change', () => stored(toggle.checked ? 'on' : 'off'));
  opener.hidden = false;
  opener.addEventListener('click', () => help.showModal());

  const rows = $$('[data-row]');
  let at = -1;
  const here = () => {
    const focused = rows.indexOf(document.activeElement?.closest('[data-row]'));
    return focused < 0 ? at : focused;
  };
  const move = (by) => {
    if (!rows.length) return;
    at = Math.max(0, Math.min(rows.length - 1, here() + by));
    $('.open', rows[at]).focus();
    rows[at].scrollIntoView({ block: 'nearest' });
  };
  const open = () => { const i = here(); if (i >= 0) $('.open', rows[i]).click(); };
  const back = () => $('[data-back]')?.click();
  const pick = (shift) => {
    const box = here() >= 0 && $('[name=id]', rows[here()]);
    if (!box) return;
    box.checked = !box.checked;
    if (shift && anchor) range(box, box.checked);
    anchor = box;
    tally();
  };
  const remove = () => {
    if (bulk) {
      const box = here() >= 0 && $('[name=id]', rows[here()]);
      if (!count() && box) { box.checked = true; anchor = box; tally(); }
      if (count()) bulk.requestSubmit();
    } else {
      $('#one')?.requestSubmit();
    }
  };
  const escape = () => {
    if (count()) { picks.forEach((p) => { p.checked = false; }); tally(); } else if (!bulk) back();
  };
  const keys = {
    j: () => move(1), k: () => move(-1), o: open, u: back, x: () => pick(false), X: () => pick(true),
    '#': remove, z: () => $('#undo form')?.requestSubmit(), '/': () => $('#q')?.select(), '?': () => help.showModal(),
  };
  addEventListener('keydown', (event) => {
    if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || event.isComposing || $('dialog[open]')) return;
    const field = event.target.closest('input:not([type=checkbox]), textarea, select, [contenteditable]');
    const box = event.target.closest('[data-row] [type=checkbox]');
    if (event.key === 'Escape') { if (field) field.blur(); else escape(); return; }
    if (event.key === 'Enter' && box) { event.preventDefault(); open(); return; }
    const run = !field && toggle.checked && keys[event.key];
    if (run) { event.preventDefault(); run(); }
  });
})();
