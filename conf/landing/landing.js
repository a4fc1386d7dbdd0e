// The links in mails bring a token here.  To follow one changes nothing, as
// programs do that look for malice in mails: only the button does.

const API = '/api/v1';
const $ = id => document.getElementById(id);

// of texts.js, which a page of another version may lack
const t = window.translate || (text => text);

// the address bar and the history need not show it any longer
const token = new URLSearchParams(location.search).get('token');
history.replaceState(null, '', location.pathname);

const words = {
  invalid_token: 'This link is of no use any more: it was used already, a newer one was sent, it is too old, or a part of it is missing.',
  email_taken: 'Somebody else has an account with this address by now.',
  too_many_attempts: 'There were too many attempts. Please try again in a while.',
  too_many_requests: 'There were too many attempts. Please try again in a while.',
  unavailable: 'This does not work at the moment. Please try again in a while.',
};

const fieldWords = {
  length: 'A password has from 8 to 128 characters.',
  password_too_common: 'This password is in a list of common or leaked passwords.',
  password_too_weak: 'This password is too easy to guess.',
  password_too_similar: 'This password is too similar to your name or your address.',
};

// { code, field }; null if all went well
async function post(path, body) {
  try {
    const response = await fetch(API + path, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      credentials: 'omit',
      body: JSON.stringify(body),
    });
    if (response.ok) {
      return null;
    }
    const problem = await response.json();
    const [error] = problem.errors || [];
    return error ? { code: error.code, field: error.field } : { code: problem.code };
  } catch {
    return { code: 'unavailable' };
  }
}

function say(done, error = '') {
  $('done').textContent = done;
  $('error').textContent = error;
}

// what is wrong, and the place to go on from
function complain({ code, field }) {
  if (field === 'token') {
    code = 'invalid_token';
  }
  const input = field && $(field);
  if (input) {
    say('', t(field === 'email' ? 'Please type an e-mail address.' : fieldWords[code] || words.unavailable));
    input.setAttribute('aria-invalid', 'true');
    return input.focus();
  }

  say('', t(words[code] || words.unavailable));
  if (code === 'invalid_token' || code === 'email_taken') {
    $('use').hidden = true;
    $('again').hidden = code === 'email_taken';
    $('error').focus();
  }
}

function finish(form, text) {
  form.reset();
  form.hidden = true;
  document.querySelector('h1').textContent = document.title = form.dataset.title;
  $('onward').hidden = false;
  say(text);
  $('done').focus();
}

// whoever sees what they type can choose a longer one
if ($('show')) {
  $('show').onchange = event => {
    for (const id of ['new_password', 'repeated']) {
      $(id).type = event.target.checked ? 'text' : 'password';
    }
  };
}

// one request at a time
function submits(form, work) {
  let busy = false;
  form.onsubmit = async event => {
    event.preventDefault();
    if (busy) {
      return;
    }
    busy = true;
    for (const input of form.querySelectorAll('input')) {
      input.removeAttribute('aria-invalid');
    }
    say('');
    try {
      await work();
    } finally {
      busy = false;
    }
  };
}

submits($('use'), async () => {
  const body = { token };
  const password = $('new_password');

  if (password) {
    if (password.value !== $('repeated').value) {
      say('', t('The two passwords are not the same.'));
      $('repeated').setAttribute('aria-invalid', 'true');
      return $('repeated').focus();
    }
    body.new_password = password.value;
  }

  const error = await post($('use').dataset.path, body);
  return error ? complain(error) : finish($('use'), $('use').dataset.done);
});

submits($('again'), async () => {
  const error = await post($('again').dataset.path, { email: $('email').value });
  return error ? complain(error)
    : finish($('again'), t('If this is the address of an account that needs one, a mail with another link is on its way.'));
});

if (!token) {
  complain({ code: 'invalid_token' });
}
