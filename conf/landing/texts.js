// The texts of these pages in other languages than English, by the English ones.
// For another language, add it; what it lacks stays English.

const texts = {
  de: {
    'Choose a new password': 'Neues Passwort wählen',
    'Please allow scripts on this page: the button needs one.': 'Bitte erlauben Sie Skripte auf dieser Seite: Die Schaltfläche braucht eines.',
    '8 characters or more, and not easy to guess: several words, for example.': 'Mindestens 8 Zeichen und nicht leicht zu erraten: zum Beispiel mehrere Wörter.',
    'New password': 'Neues Passwort',
    'The same again': 'Noch einmal dasselbe',
    'Show what I type': 'Eingabe anzeigen',
    'Set my password': 'Passwort speichern',
    'Your password has been changed': 'Ihr Passwort wurde geändert',
    'Your password is set. You are signed out everywhere: sign in with the new one.': 'Ihr Passwort ist gespeichert. Sie sind überall abgemeldet: Melden Sie sich mit dem neuen an.',
    'Look in your mails': 'Sehen Sie in Ihre E-Mails',
    'Your e-mail address': 'Ihre E-Mail-Adresse',
    'Send me another link': 'Neuen Link senden',
    'Go to the start page': 'Zur Startseite',
    'Confirm your e-mail address': 'E-Mail-Adresse bestätigen',
    'Your e-mail address is confirmed': 'Ihre E-Mail-Adresse ist bestätigt',
    'Your address is confirmed. You can close this page.': 'Ihre Adresse ist bestätigt. Sie können diese Seite schließen.',
    'You have followed a link from a mail of ours. Press the button only if it was you who asked for that mail: otherwise somebody else could use an account with your address. If the mail names an account, that must be yours as well.': 'Sie sind einem Link aus einer E-Mail von uns gefolgt. Klicken Sie nur dann auf die Schaltfläche, wenn Sie selbst diese E-Mail angefordert haben: Sonst könnte jemand anderes ein Konto mit Ihrer Adresse benutzen. Nennt die E-Mail ein Konto, muss auch dieses Ihres sein.',
    'Confirm my address': 'Meine Adresse bestätigen',
    'If you want another address for your account, ask for it again where you are signed in. The address of a new account gets another link here.': 'Wenn Sie für Ihr Konto eine andere Adresse möchten, fordern Sie sie dort erneut an, wo Sie angemeldet sind. Für die Adresse eines neuen Kontos gibt es hier einen neuen Link.',
    'This link is of no use any more: it was used already, a newer one was sent, it is too old, or a part of it is missing.': 'Dieser Link gilt nicht mehr: Er wurde schon benutzt, es wurde ein neuerer gesendet, er ist zu alt, oder ein Teil von ihm fehlt.',
    'Somebody else has an account with this address by now.': 'Inzwischen hat jemand anderes ein Konto mit dieser Adresse.',
    'There were too many attempts. Please try again in a while.': 'Es gab zu viele Versuche. Bitte versuchen Sie es in einer Weile noch einmal.',
    'This does not work at the moment. Please try again in a while.': 'Das ist im Moment nicht möglich. Bitte versuchen Sie es in einer Weile noch einmal.',
    'A password has from 8 to 128 characters.': 'Ein Passwort hat 8 bis 128 Zeichen.',
    'This password is in a list of common or leaked passwords.': 'Dieses Passwort steht auf einer Liste häufiger oder bekannt gewordener Passwörter.',
    'This password is too easy to guess.': 'Dieses Passwort ist zu leicht zu erraten.',
    'This password is too similar to your name or your address.': 'Dieses Passwort ähnelt Ihrem Namen oder Ihrer Adresse zu sehr.',
    'Please type an e-mail address.': 'Bitte geben Sie eine E-Mail-Adresse ein.',
    'The two passwords are not the same.': 'Die beiden Passwörter stimmen nicht überein.',
    'If this is the address of an account that needs one, a mail with another link is on its way.': 'Wenn es zu dieser Adresse ein Konto gibt, das einen Link braucht, ist eine E-Mail mit einem neuen unterwegs.',
  },
};

// the first that the browser's owner prefers
const language = navigator.languages.map(name => name.split('-')[0])
  .find(name => name === 'en' || texts[name]) || 'en';

window.translate = text => (texts[language] || {})[text] || text;

document.documentElement.lang = language;

for (const node of document.querySelectorAll('title, h1, p, label, button, a')) {
  if (!node.children.length) {
    node.textContent = translate(node.textContent);
  }
}
for (const form of document.forms) {
  for (const name of Object.keys(form.dataset)) {
    form.dataset[name] = translate(form.dataset[name]);
  }
}
