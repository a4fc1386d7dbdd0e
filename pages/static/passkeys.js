// Passkeys: what the browser answers goes into a field of a form, which is sent as
// any other.  Where the browser has none, or no script runs, these forms aren't
// seen (able.js).

const able = document.documentElement.classList.contains('able');

// options are good for ten minutes: these pages may be open for longer
const LIFETIME = 9 * 60 * 1000;

// likewise what a form was answered with, which is then sent again
const renewed = async form => {
  const again = 'again' in form.dataset && { method: 'POST', body: new URLSearchParams(new FormData(form)) };
  const page = await fetch(location.href, again || {}).then(answer => answer.text());
  const forms = new DOMParser().parseFromString(page, 'text/html').forms;
  return [...forms].find(({ action, dataset }) => action === form.action && dataset.options)
    ?.dataset.options;
};

for (const form of able ? document.querySelectorAll('form[data-options]') : []) {
  const button = form.querySelector('button');
  const place = Object.assign(document.createElement('p'), { className: 'unseen' });
  const made = 'creates' in form.dataset;
  let since = Date.now();
  let waiting = null;            // a browser takes one request at a time
  let filling = false;           // it is one for autofill
  let bare = false;              // the form is sent without it

  place.setAttribute('role', 'alert');
  button.before(place);

  const say = text => {
    place.className = text ? 'error' : 'unseen';
    place.textContent = text;
  };

  const ask = async mediation => {
    waiting?.abort();
    waiting = new AbortController();
    filling = mediation === 'conditional';
    const { signal } = waiting;
    const options = JSON.parse(form.dataset.options);
    const credential = made
      ? await navigator.credentials.create({ signal,
        publicKey: PublicKeyCredential.parseCreationOptionsFromJSON(options) })
      : await navigator.credentials.get({ mediation, signal,
        publicKey: PublicKeyCredential.parseRequestOptionsFromJSON(options) });
    form.elements.credential.value = JSON.stringify(credential);
    form.requestSubmit();
  };

  const refresh = async () => {
    if (Date.now() - since > LIFETIME) {
      const options = await renewed(form);
      if (!options) {
        return false;
      }
      form.dataset.options = options;
      since = Date.now();
    }
    return true;
  };

  // A passkey that is made too late would stay in the browser, and nobody knew it
  // here.  Instead the form alone is sent: it leads to what is missing by now, such
  // as a password, and back.
  const answer = async () => {
    if (await refresh() || !made) {
      return ask();
    }
    bare = true;
    form.action = 'again' in form.dataset ? location.href : form.action;
    form.requestSubmit();
  };

  // a form whose answer is there is sent; before that the button asks for it
  form.addEventListener('submit', event => {
    if (form.elements.credential.value || bare) {
      return;
    }
    event.preventDefault();
    event.stopImmediatePropagation();
    say('');
    answer().catch(error => {
      if (error.name === 'AbortError') {
        return;
      }
      say(error.name === 'InvalidStateError' ? form.dataset.known : form.dataset.failed);
      button.focus();
    });
  }, { capture: true });

  // a passkey among what the browser suggests for the address
  const autofill = async () => {
    if (await refresh()) {
      await ask('conditional').catch(() => {});
    }
  };
  if ('autofill' in form.dataset
      && await PublicKeyCredential.isConditionalMediationAvailable?.()) {
    autofill();
    setInterval(() => filling && autofill(), LIFETIME + 1000);
  }
}
