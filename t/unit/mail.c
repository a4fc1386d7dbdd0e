/*
 * Mails: tokens, templates and messages, octet by octet.
 */

#include <sodium.h>

#include "unit.h"
#include "mail/compose.h"


#define ID     "7c5e3f0a-1b2c-4d3e-8f90-a1b2c3d4e5f6"

/* for ID, by Python's hmac with the key of "secret" */
#define TOKEN  "hRt4jXxePwobLE0-j5ChssPU5faXiEdW-5C" \
               "zmOmnoFMWStpFnjc3A4CMnIhk78NIICCbVQ"

/* "grüße", and three three-octet characters */
#define GRUESSE  "gr\xc3\xbc\xc3\x9f" "e"
#define KANJI    "\xe6\xbc\xa2\xe5\xad\x97\xe8\xaa\x9e"


static const af_template_value_t  values[] = {
    { "name", "A & B <c> \"d\" 'e'" },
    { "lines", "one\ntwo\r\nthree\xe2\x80\xa8" "four" },
    { "empty", "" },
    { NULL, NULL }
};


static const struct {
    const char          *text;
    af_template_kind_t   kind;
    const char          *result;       /* or the error */
    size_t               line;         /* 0: valid */
} templates[] = {
    { "Hello", AF_TEMPLATE_TEXT, "Hello", 0 },
    { "", AF_TEMPLATE_TEXT, "", 0 },
    { "{{name}}", AF_TEMPLATE_TEXT, "A & B <c> \"d\" 'e'", 0 },
    { "{{name}}", AF_TEMPLATE_LINE, "A & B <c> \"d\" 'e'", 0 },
    { "<p>\r\nx\n", AF_TEMPLATE_HTML, "<p>\nx\n", 0 },
    { "<a b=\"{{name}}\">", AF_TEMPLATE_HTML,
      "<a b=\"A &amp; B &lt;c&gt; &quot;d&quot; &#39;e&#39;\">", 0 },
    { "a{{ empty }}b{{empty}}{{empty}}c", AF_TEMPLATE_TEXT, "abc", 0 },
    { "{{lines}}", AF_TEMPLATE_LINE, "one two  three four", 0 },
    { "a\r\nb\n", AF_TEMPLATE_TEXT, "a\nb\n", 0 },
    { "a\r\n", AF_TEMPLATE_LINE, "a", 0 },
    { "{ {a} } }}", AF_TEMPLATE_TEXT, "{ {a} } }}", 0 },
    { "a\nb", AF_TEMPLATE_LINE, "more than one line", 1 },
    { "a\tb", AF_TEMPLATE_LINE, "more than one line", 1 },
    { "", AF_TEMPLATE_LINE, "empty", 1 },
    { "a\n\n{{nam}}", AF_TEMPLATE_TEXT, "unknown", 3 },
    { "a\n{{name", AF_TEMPLATE_TEXT, "without", 2 },
    { "a\n{{name}", AF_TEMPLATE_TEXT, "without", 2 },
    { "{{}}", AF_TEMPLATE_HTML, "unknown", 1 },
    { "{{{name}}}", AF_TEMPLATE_HTML, "unknown", 1 },
    { "a\n{{#name}}\nb\n {{/name}} \nc", AF_TEMPLATE_TEXT, "a\nb\nc", 0 },
    { "{{#empty}}x{{/empty}}", AF_TEMPLATE_TEXT, "", 0 },
    { "a\n{{#nam}}{{/nam}}", AF_TEMPLATE_HTML, "unknown", 2 },
    { "{{>name}}", AF_TEMPLATE_HTML, "unknown", 1 },
    { "\xff", AF_TEMPLATE_TEXT, "UTF-8", 1 }
};


static const struct {
    const char  *subject;
    const char  *header;               /* NULL: refused */
} subjects[] = {
    { "Confirm your address", "Confirm your address" },
    { GRUESSE, "=?UTF-8?B?Z3LDvMOfZQ==?=" },
    { "=?UTF-8?B?eA==?=", "=?UTF-8?B?PT9VVEYtOD9CP2VBPT0/PQ==?=" },
    { "a\nb", NULL },
    { "a\r\nBcc: x@example.com", NULL },
    { "a\x7f", NULL },
    { "a\xc2\x85" "b", NULL },         /* NEL, of C1 */
    { "a\xe2\x80\xa9" "b", NULL },     /* a paragraph separator */
    { "\xc3", NULL }
};


static const struct {
    const char  *text;
    const char  *name;
    const char  *address;              /* NULL: refused */
} mailboxes[] = {
    { "a@example.com", NULL, "a@example.com" },
    { "Ada <a@example.com>", "Ada", "a@example.com" },
    { "\"Ada, K.\"  <a@example.com>", "Ada, K.", "a@example.com" },
    { "<a@example.com>", NULL, "a@example.com" },
    { GRUESSE " <a@example.com>", GRUESSE, "a@example.com" },
    { "a@localhost", NULL, "a@localhost" },
    { "", NULL, NULL },
    { "a", NULL, NULL },
    { "@example.com", NULL, NULL },
    { "a@", NULL, NULL },
    { "a b@example.com", NULL, NULL },
    { "a@example.com, b@example.com", NULL, NULL },
    { "a@b@example.com", NULL, NULL },
    { "Ada\n <a@example.com>", NULL, NULL },
    { "Ada <a@example.com", NULL, NULL }
};


static const struct {
    const char  *text;
    const char  *encoding;
    const char  *lines;
} bodies[] = {
    { "Hello\n\nhttps://example.com/?token=x", "7bit",
      "Hello\r\n\r\nhttps://example.com/?token=x" },
    { GRUESSE " = x", "quoted-printable", "gr=C3=BC=C3=9Fe =3D x" },
    { "blank \nx", "quoted-printable", "blank=20\r\nx" },
    { "blank ", "quoted-printable", "blank=20" },
    { "From here", "quoted-printable", "=46rom here" },
    { "a\n--=_x", "quoted-printable", "a\r\n--=3D_x" },
    { ".", "7bit", "." },
    { "a\rb", "quoted-printable", "a=0Db" },
    { "\x01", "quoted-printable", "=01" },
    { "", "7bit", "" },

    /* 75 and the soft line break; no character is split */
    { "\xc3\xbc" "34567890123456789012345678901234567890"
      "1234567890123456789012345678901\xc3\xbc" "x", "quoted-printable",
      "=C3=BC34567890123456789012345678901234567890"
      "1234567890123456789012345678901=\r\n=C3=BCx" },
    { "\xc3\xbc" "34567890123456789012345678901234567890"
      "1234567890123456789012345678901" "xy", "quoted-printable",
      "=C3=BC34567890123456789012345678901234567890"
      "1234567890123456789012345678901=\r\nxy" }
};


static af_secret_keys_t         made[1];
static const af_purpose_keys_t  keys = { made, 1 };


static af_message_t
a_message(void)
{
    static const af_message_t  message = {
        ID, 1795262400, "auth@example.com", "Example", "ada@example.com",
        "Hello", "text", "<p>html</p>"
    };

    return message;
}


static void
test_a_message(void **state)
{
    af_buffer_t   out, again;
    af_message_t  message;

    (void) state;

    memset(&out, 0, sizeof(out));
    memset(&again, 0, sizeof(again));
    message = a_message();

    assert_null(af_message_write(&message, &out));
    assert_string_equal(out.data,
        "Date: Sat, 21 Nov 2026 12:00:00 +0000\r\n"
        "From: \"Example\"\r\n <auth@example.com>\r\n"
        "To: ada@example.com\r\n"
        "Subject: Hello\r\n"
        "Message-ID: <" ID "@example.com>\r\n"
        "Auto-Submitted: auto-generated\r\n"
        "MIME-Version: 1.0\r\n"
        "Content-Type: multipart/alternative;\r\n"
        " boundary=\"=_" ID "\"\r\n"
        "\r\n"
        "--=_" ID "\r\n"
        "Content-Type: text/plain; charset=utf-8\r\n"
        "Content-Transfer-Encoding: 7bit\r\n"
        "\r\n"
        "text\r\n"
        "--=_" ID "\r\n"
        "Content-Type: text/html; charset=utf-8\r\n"
        "Content-Transfer-Encoding: 7bit\r\n"
        "\r\n"
        "<p>html</p>\r\n"
        "--=_" ID "--\r\n");

    assert_null(af_message_write(&message, &again));
    assert_string_equal(again.data, out.data);

    af_buffer_free(&again);
    af_buffer_free(&out);
}


static void
test_subjects(void **state)
{
    int           failed;
    char          line[200];
    size_t        i;
    const char   *why;
    af_buffer_t   out;
    af_message_t  message;

    (void) state;

    failed = 0;
    message = a_message();

    for (i = 0; i < af_nelts(subjects); i++) {
        memset(&out, 0, sizeof(out));

        message.subject = subjects[i].subject;
        why = af_message_write(&message, &out);

        if (subjects[i].header == NULL) {
            af_row(why != NULL && out.len == 0, "%s", message.subject);

        } else {
            snprintf(line, sizeof(line), "\r\nSubject: %s\r\nMessage-ID:",
                     subjects[i].header);
            af_row(why == NULL && strstr(out.data, line), "%s",
                   message.subject);
        }

        af_buffer_free(&out);
    }

    assert_int_equal(failed, 0);
}


static void
test_a_long_subject_is_cut_between_characters(void **state)
{
    char          text[400];
    size_t        i, len, longest;
    const char   *line, *end;
    af_buffer_t   out;
    af_message_t  message;

    (void) state;

    for (i = 0; i < 9; i++) {
        memset(&out, 0, sizeof(out));
        memset(text, 'a', i);
        text[i] = '\0';

        while (strlen(text) < 300) {
            strcat(text, KANJI);
        }

        message = a_message();
        message.subject = text;
        assert_null(af_message_write(&message, &out));

        longest = 0;
        line = strstr(out.data, "Subject: ");

        for (len = 0; strncmp(line, "Message-ID", 10) != 0; line = end + 2) {
            end = strstr(line, "\r\n");
            longest = ((size_t) (end - line) > longest) ? (size_t) (end - line)
                                                        : longest;
            len++;
        }

        assert_true(len > 3);
        assert_true(longest <= 76);

        af_buffer_free(&out);
    }
}


static void
test_addresses_that_would_mean_more_are_refused(void **state)
{
    int           failed;
    size_t        i;
    af_buffer_t   out;
    af_message_t  message;

    static const char *const  addresses[] = {
        "", "ada", "a@example.com\r\nBcc: b@example.com", "a@b@example.com",
        "a@example.com,b@example.com", "a@example.com> SIZE=1 <b", "a b@x.y",
        "a@example.com\n", "a;b@example.com"
    };

    (void) state;

    failed = 0;

    for (i = 0; i < af_nelts(addresses); i++) {
        memset(&out, 0, sizeof(out));
        message = a_message();
        message.to = addresses[i];
        af_row(af_message_write(&message, &out) != NULL, "%s", addresses[i]);
        af_row(out.len == 0, "%s", addresses[i]);
        af_buffer_free(&out);
    }

    message = a_message();
    message.id = "x\r\n";
    memset(&out, 0, sizeof(out));
    assert_non_null(af_message_write(&message, &out));
    af_buffer_free(&out);

    assert_int_equal(failed, 0);
}


static void
test_mailboxes(void **state)
{
    int          failed, rc;
    char         text[100];
    size_t       i;
    const char  *name, *address;

    (void) state;

    failed = 0;

    for (i = 0; i < af_nelts(mailboxes); i++) {
        snprintf(text, sizeof(text), "%s", mailboxes[i].text);
        rc = af_message_mailbox(text, &name, &address);

        if (mailboxes[i].address == NULL) {
            af_row(rc == -1, "%s", mailboxes[i].text);
            continue;
        }

        af_row(rc == 0 && strcmp(address, mailboxes[i].address) == 0, "%s",
               mailboxes[i].text);
        af_row((name == NULL) == (mailboxes[i].name == NULL), "%s",
               mailboxes[i].text);
        af_row(name == NULL || strcmp(name, mailboxes[i].name) == 0, "%s",
               mailboxes[i].text);
    }

    assert_int_equal(failed, 0);
}


static void
test_bodies(void **state)
{
    int           failed;
    char          part[400];
    size_t        i;
    af_buffer_t   out;
    af_message_t  message;

    (void) state;

    failed = 0;

    for (i = 0; i < af_nelts(bodies); i++) {
        memset(&out, 0, sizeof(out));
        message = a_message();
        message.text = bodies[i].text;
        assert_null(af_message_write(&message, &out));

        snprintf(part, sizeof(part), "Transfer-Encoding: %s\r\n\r\n%s\r\n--=_",
                 bodies[i].encoding, bodies[i].lines);
        af_row(strstr(out.data, part) != NULL, "%s", bodies[i].text);

        af_buffer_free(&out);
    }

    assert_int_equal(failed, 0);
}


static void
test_templates(void **state)
{
    int          failed;
    char        *text;
    size_t       i, len, line;
    const char  *wrong;
    af_buffer_t  out;

    (void) state;

    failed = 0;

    for (i = 0; i < af_nelts(templates); i++) {
        memset(&out, 0, sizeof(out));
        len = strlen(templates[i].text);
        text = af_exact(templates[i].text, len);

        wrong = af_template_check(templates[i].kind, text, len, values, &line);

        if (templates[i].line != 0) {
            af_row(wrong && strstr(wrong, templates[i].result)
                   && line == templates[i].line, "%s: %zu, %s",
                   templates[i].text, line, wrong ? wrong : "right");

        } else {
            af_row(wrong == NULL, "%s: %s", templates[i].text, wrong);

            af_buffer_puts(&out, "");
            af_template_write(templates[i].kind, text, len, values, &out);
            af_row(strcmp(out.data, templates[i].result) == 0, "%s: %s",
                   templates[i].text, out.data);
        }

        af_buffer_free(&out);
        free(text);
    }

    assert_int_equal(failed, 0);
}


static void
test_a_token(void **state)
{
    char  token[AF_MAIL_TOKEN_SIZE], id[AF_MAIL_ID_SIZE];

    (void) state;

    assert_int_equal(af_secret_keys_derive((unsigned char *) "secret", 6, made),
                     0);

    assert_int_equal(af_mail_token_make(&keys, "reset_password", ID, token), 0);
    assert_string_equal(token, TOKEN);

    assert_int_equal(af_mail_token_check(&keys, "reset_password", token,
                                         strlen(token), id), 1);
    assert_string_equal(id, ID);

    assert_int_equal(af_mail_token_check(&keys, "verify_email", token,
                                         strlen(token), id), 0);

    assert_int_equal(af_mail_token_make(&keys, "reset_password", "x", token),
                     -1);
}


static void
test_a_composed_message(void **state)
{
    char               link[300];
    size_t             i, j;
    af_buffer_t        out;
    af_compose_conf_t  compose;
    af_outbox_entry_t  entry = { ID, "reset_password", "a&b@example.com",
                                 "Ada\nKing", "a\u2026@e\u2026.com",
                                 "2025-12-31", NULL, 1795262400 };

    static af_compose_language_t  language;

    static const char *const  texts[] = {
        "For {{name}}", "{{link}} {{email}}", "<a href=\"{{link}}\">{{email}}"
    };

    (void) state;

    memset(&compose, 0, sizeof(compose));
    compose.from = "auth@example.com";
    compose.link_base = "https://example.com/app";
    compose.keys = &keys;
    compose.languages = &language;
    compose.nlanguages = 1;
    language.name = "en";

    for (i = 0; i < AF_MAIL_KINDS; i++) {
        for (j = 0; j < AF_MAIL_PARTS; j++) {
            language.templates[i][j].text = texts[j];
            language.templates[i][j].len = strlen(texts[j]);
        }
    }

    memset(&out, 0, sizeof(out));
    assert_null(af_compose_message(&compose, &entry, &out));

    snprintf(link, sizeof(link), "https://example.com/app/reset-password"
             "?token=%s a&b@example.com\r\n", TOKEN);
    assert_non_null(strstr(out.data, link));
    assert_non_null(strstr(out.data, "\r\nSubject: For Ada King\r\n"));
    assert_non_null(strstr(out.data, ">a&amp;b@example.com\r\n"));
    assert_non_null(strstr(out.data, "\r\nFrom: auth@example.com\r\n"));
    af_buffer_free(&out);

    entry.kind = "email_changed";
    assert_null(af_compose_message(&compose, &entry, &out));
    assert_non_null(strstr(out.data, "https://example.com/app a&b"));
    af_buffer_free(&out);

    /* whose links lead to the same pages, with tokens of their own */

    entry.kind = "claim_account";
    assert_null(af_compose_message(&compose, &entry, &out));
    assert_non_null(strstr(out.data, "/app/reset-password?token="));
    assert_null(strstr(out.data, TOKEN));
    af_buffer_free(&out);

    entry.kind = "other";
    assert_non_null(af_compose_message(&compose, &entry, &out));
    af_buffer_free(&out);
}


/* what a node with other templates has stored is understood, too */

static void
test_the_language_of_a_message(void **state)
{
    int                failed;
    char               subject[50];
    size_t             i, j;
    af_buffer_t        out;
    af_compose_conf_t  compose;
    af_outbox_entry_t  entry = { ID, "verify_email", "a@example.com", "Ada",
                                 "a", "2025-12-31", NULL, 1795262400 };

    static af_compose_language_t  languages[3];
    static const char *const  names[] = { "en", "de", "pt-BR" };
    static const char *const  rows[][2] = {
        { NULL, "en" }, { "", "en" }, { "en", "en" }, { "de", "de" },
        { "de-AT", "de" }, { "DE", "de" }, { "pt", "pt-BR" }, { "fr", "en" },
        { "deu", "en" }
    };

    (void) state;

    failed = 0;
    memset(&compose, 0, sizeof(compose));
    compose.from = "auth@example.com";
    compose.link_base = "https://example.com/app";
    compose.keys = &keys;
    compose.languages = languages;
    compose.nlanguages = af_nelts(languages);

    for (i = 0; i < af_nelts(languages); i++) {
        languages[i].name = names[i];

        for (j = 0; j < AF_MAIL_PARTS; j++) {
            languages[i].templates[0][j].text = names[i];
            languages[i].templates[0][j].len = strlen(names[i]);
        }
    }

    for (i = 0; i < af_nelts(rows); i++) {
        memset(&out, 0, sizeof(out));
        entry.language = rows[i][0];
        assert_null(af_compose_message(&compose, &entry, &out));
        snprintf(subject, sizeof(subject), "\r\nSubject: %s\r\n", rows[i][1]);
        af_row(strstr(out.data, subject) != NULL, "%s",
               rows[i][0] ? rows[i][0] : "none");
        af_buffer_free(&out);
    }

    assert_int_equal(failed, 0);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_a_message),
        cmocka_unit_test(test_subjects),
        cmocka_unit_test(test_a_long_subject_is_cut_between_characters),
        cmocka_unit_test(test_addresses_that_would_mean_more_are_refused),
        cmocka_unit_test(test_mailboxes),
        cmocka_unit_test(test_bodies),
        cmocka_unit_test(test_templates),
        cmocka_unit_test(test_a_token),
        cmocka_unit_test(test_a_composed_message),
        cmocka_unit_test(test_the_language_of_a_message)
    };

    return sodium_init() == -1
           || cmocka_run_group_tests_name("mail", tests, NULL, NULL);
}
