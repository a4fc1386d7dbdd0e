// The tokens are in cookies that no script can read: all this has to do is to
// refresh them once they have expired.

const $ = id => document.getElementById(id);
const API = '/api/v1';

async function call(method, path, body) {
  const options = { method };
  if (body) {
    options.headers = { 'Content-Type': 'application/json' };
    options.body = JSON.stringify(body);
  }

  let response = await fetch(path, options);
  if (response.status === 401 && await refresh()) {
    response = await fetch(path, options);
  }
  return response;
}

async function refresh() {
  return (await fetch(`${API}/auth/refresh`, { method: 'POST' })).ok;
}

// what went wrong, in words
async function explain(response) {
  const problem = await response.json().catch(() => ({}));
  const fields = (problem.errors || []).map(e => `${e.field} ${e.message}`);
  $('message').textContent = fields.join('; ') || problem.detail || `Error ${response.status}`;
}

async function show() {
  const response = await call('GET', `${API}/auth/me`);
  $('enter').hidden = response.ok;
  $('account').hidden = !response.ok;
  $('answer').textContent = '';

  if (response.ok) {
    $('who').textContent = (await response.json()).email;
    await showSessions();
  } else if (response.status !== 401) {
    await explain(response);
  }
}

async function showSessions() {
  const response = await call('GET', `${API}/auth/sessions?size=100`);
  if (!response.ok) {
    return explain(response);
  }

  $('sessions').replaceChildren(...(await response.json()).data.map(session => {
    const row = document.createElement('tr');
    row.append(...[
      session.device_info || 'unknown',
      session.ip_address || 'unknown',
      new Date(session.last_used_at).toLocaleString(),
    ].map(text => Object.assign(document.createElement('td'), { textContent: text })));

    const end = document.createElement('td');
    end.append(session.is_current ? 'this one' : Object.assign(document.createElement('button'), {
      textContent: 'End',
      onclick: async () => {
        const response = await call('DELETE', `${API}/auth/sessions/${session.id}`);
        return response.ok ? showSessions() : explain(response);
      },
    }));
    row.append(end);
    return row;
  }));
}

$('enter').onsubmit = async event => {
  event.preventDefault();
  $('message').textContent = '';

  // not call(): a wrong password is no reason to refresh
  const response = await fetch(`${API}/auth/${event.submitter.value}`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify({ email: $('email').value, password: $('password').value }),
  });

  $('password').value = '';
  return response.ok ? show() : explain(response);
};

$('call').onclick = async () => {
  const response = await call('GET', '/app/hello');
  if (!response.ok) {
    return show();
  }
  $('answer').textContent = await response.text();
};

$('sign-out').onclick = async () => {
  const response = await call('POST', `${API}/auth/logout`);
  return response.ok || response.status === 401 ? show() : explain(response);
};

show();
