// Everything on these pages works without this script.  With it passwords can
// be shown, buttons say that they are busy, nothing is sent while there is no
// network, times are those of the reader, and who has signed in elsewhere goes on.

const words = document.body.dataset;
const all = (css, root = document) => root.querySelectorAll(css);

// what screen readers say, and everybody sees if it matters; the place is there
// before its text is, or it would not be read out
const places = new Map();
for (const form of all('form[method=post]')) {
  const place = Object.assign(document.createElement('p'), { className: 'unseen' });
  place.setAttribute('role', 'status');
  form.append(place);
  places.set(form, place);
}

const say = (form, text, seen = true) => {
  const place = places.get(form);
  place.className = seen && text ? 'error' : 'unseen';
  place.textContent = text;
};

for (const button of all('.secret button')) {
  const input = document.getElementById(button.getAttribute('aria-controls'));
  button.hidden = false;

  const turn = shown => {
    if (shown === (input.type === 'text')) {
      return false;
    }
    input.type = shown ? 'text' : 'password';
    button.textContent = shown ? words.hide : words.show;
    const name = button.getAttribute('aria-label');
    button.setAttribute('aria-label', button.dataset.other);
    button.dataset.other = name;
    return true;
  };

  button.addEventListener('click', () => {
    turn(input.type === 'password');
    say(input.form, input.type === 'text' ? words.shown : words.hidden, false);
  });
  // a browser keeps what was typed in a field that is shown
  input.form.addEventListener('submit', () => turn(false));
  input.addEventListener('keyup', event => {
    if (event.getModifierState) {
      say(input.form, event.getModifierState('CapsLock') ? words.caps : '');
    }
  });
}

for (const form of all('form[method=post]')) {
  let sent = false;
  let warned = false;      // a browser may be wrong about the network

  form.addEventListener('submit', event => {
    if (sent || (navigator.onLine === false && !warned)) {
      event.preventDefault();
      warned ||= !sent;
      return sent || say(form, words.offline);
    }
    sent = true;
    event.submitter?.classList.add('busy');
    event.submitter?.setAttribute('aria-disabled', 'true');
  });

  // the page comes back from the browser's memory
  addEventListener('pageshow', () => {
    sent = false;
    for (const button of all('.busy', form)) {
      button.classList.remove('busy');
      button.removeAttribute('aria-disabled');
    }
  });
}

// what was done is said once: not again after a reload
if (document.getElementById('done')) {
  const here = new URL(location);
  here.searchParams.delete('done');
  history.replaceState(history.state, '', here);
}

// another tab may have got a cookie since: without a session it is all that proves
// whose form it is
for (const field of all('[data-guest]')) {
  field.form.addEventListener('submit', () => {
    const [, token] = document.cookie.match(/(?:^|; |-)af_csrf=([\w-]+)/) ?? [];
    field.value = token ?? field.value;
  });
}

// in another tab, while this one was not looked at; where it leads is checked by
// the server
for (const form of all('form[action$="/sign-in"]')) {
  document.addEventListener('visibilitychange', async () => {
    if (document.hidden) {
      return;
    }
    const answer = await fetch(form.action, { redirect: 'manual' }).catch(() => null);
    if (answer?.type === 'opaqueredirect') {
      location.replace(form.elements.return?.value ?? form.action);
    }
  });
}

for (const button of all('[data-copy]')) {
  button.hidden = !navigator.clipboard;
  button.addEventListener('click', async () => {
    const source = document.getElementById(button.dataset.copy);
    const lines = source.children.length ? [...source.children] : [source];
    await navigator.clipboard.writeText(lines.map(line => line.dataset.text ?? line.textContent.trim()).join('\n'));
    button.textContent = words.copied;
  });
}

for (const button of all('[data-print]')) {
  button.hidden = false;
  button.addEventListener('click', () => print());
}

const { lang } = document.documentElement;
const format = new Intl.DateTimeFormat(
  navigator.languages.find(name => name.startsWith(lang)) || lang,
  { dateStyle: 'medium', timeStyle: 'short' });
for (const time of all('time[datetime]')) {
  const date = new Date(time.dateTime);
  if (!isNaN(date)) {
    time.title = time.textContent;
    time.textContent = format.format(date);
  }
}
