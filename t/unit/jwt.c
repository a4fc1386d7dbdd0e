/*
 * Tokens: the examples of RFC 7515 and RFC 7519, and forgeries.
 */

#include <sodium.h>

#include "unit.h"
#include "token/jwt.h"


#define NOW  1000000

/* RFC 7515, appendix A.1; its claims are those of RFC 7519, section 3.1 */
#define A1_KEY        "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZ" \
                      "H75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow"
#define A1_HEADER     "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9"
#define A1_PAYLOAD    "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh" \
                      "0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ"
#define A1_SIGNATURE  "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
#define A1_TOKEN      A1_HEADER "." A1_PAYLOAD "." A1_SIGNATURE
#define A1_EXP        1300819380

/* appendix A.5 */
#define A5_TOKEN      "eyJhbGciOiJub25lIn0." A1_PAYLOAD "."

#define HEADER        "{\"alg\":\"HS256\"}"
#define PAYLOAD       "{\"iss\":\"joe\",\"sub\":\"1\",\"exp\":1000001}"


enum { KEY_ONE, KEY_TWO, KEY_FIVE, KEYS };


/* %H, %P, %S: the parts of a valid token; %0: a zero */

static const struct {
    const char       *name;
    const char       *shape;
    af_jwt_status_t   status;
} shapes[] = {
    { "good", "%H.%P.%S", AF_JWT_OK },

    { "empty", "", AF_JWT_MALFORMED },
    { "one part", "%H", AF_JWT_MALFORMED },
    { "two parts", "%H.%P", AF_JWT_MALFORMED },
    { "no signature", "%H.%P.", AF_JWT_MALFORMED },
    { "no payload", "%H..%S", AF_JWT_MALFORMED },
    { "no header", ".%P.%S", AF_JWT_MALFORMED },
    { "a dot", ".", AF_JWT_MALFORMED },
    { "two dots", "..", AF_JWT_MALFORMED },
    { "three dots", "...", AF_JWT_MALFORMED },
    { "a dot before", ".%H.%P.%S", AF_JWT_MALFORMED },
    { "a dot behind", "%H.%P.%S.", AF_JWT_MALFORMED },
    { "four parts", "%H.%P.%S.%S", AF_JWT_MALFORMED },
    { "five parts, as a JWE", "%H.%P.%S.%P.%S", AF_JWT_MALFORMED },
    { "two tokens", "%H.%P.%S,%H.%P.%S", AF_JWT_MALFORMED },

    { "padded header", "%H=.%P.%S", AF_JWT_MALFORMED },
    { "padded signature", "%H.%P.%S=", AF_JWT_MALFORMED },
    { "only padding", "%H.%P.=", AF_JWT_MALFORMED },
    { "base64's +", "%H.%P.%S+", AF_JWT_MALFORMED },
    { "base64's /", "%H.%P.%S/", AF_JWT_MALFORMED },
    { "space before", " %H.%P.%S", AF_JWT_MALFORMED },
    { "space behind", "%H.%P.%S ", AF_JWT_MALFORMED },
    { "tab behind", "%H.%P.%S\t", AF_JWT_MALFORMED },
    { "newline behind", "%H.%P.%S\n", AF_JWT_MALFORMED },
    { "CRLF behind", "%H.%P.%S\r\n", AF_JWT_MALFORMED },
    { "zero before", "%0%H.%P.%S", AF_JWT_MALFORMED },
    { "zero behind", "%H.%P.%S%0", AF_JWT_MALFORMED },
    { "zero and more behind", "%H.%P.%S%0x", AF_JWT_MALFORMED },
    { "UTF-8", "%H.%P.%S\xc3\xa9", AF_JWT_MALFORMED },
    { "quoted", "\"%H.%P.%S\"", AF_JWT_MALFORMED },
    { "the scheme in it", "Bearer %H.%P.%S", AF_JWT_MALFORMED },
    { "one character for a signature", "%H.%P.A", AF_JWT_MALFORMED },

    { "short signature", "%H.%P.AAAA", AF_JWT_NO_KID },
    { "signature longer by one", "%H.%P.%SA", AF_JWT_NO_KID },
    { "signature longer by four", "%H.%P.%SAAAA", AF_JWT_NO_KID },
    { "signature twice", "%H.%P.%S%SA", AF_JWT_NO_KID },
    { "header for a signature", "%H.%P.%H", AF_JWT_NO_KID },
    { "padded payload", "%H.%P=.%S", AF_JWT_NO_KID },
    { "padded payload, twice", "%H.%P==.%S", AF_JWT_NO_KID },
    { "space between", "%H. %P.%S", AF_JWT_NO_KID },
    { "newline in it", "%H.%P\n.%S", AF_JWT_NO_KID },
    { "zero in it", "%H.%P%0.%S", AF_JWT_NO_KID },
    { "longer payload", "%H.%PAAA.%S", AF_JWT_NO_KID },
    { "header twice", "%H.%H.%S", AF_JWT_NO_KID },
    { "payload first", "%P.%H.%S", AF_JWT_MALFORMED }
};


/* header and payload, to which a valid signature is added */

static const struct {
    const char       *name;
    const char       *shape;
    af_jwt_status_t   status;
} inputs[] = {
    { "good", "%H.%P", AF_JWT_OK },
    { "canonical header", "eyJhbGciOiJIUzI1NiIgfQ.%P", AF_JWT_OK },
    { "another spelling", "eyJhbGciOiJIUzI1NiIgfR.%P", AF_JWT_MALFORMED },
    { "padded header", "eyJhbGciOiJIUzI1NiIgfQ==.%P", AF_JWT_MALFORMED },
    { "canonical payload", "%H.eyJleHAiOjEwMDAwMDEgfQ", AF_JWT_OK },
    { "another spelling", "%H.eyJleHAiOjEwMDAwMDEgfR", AF_JWT_MALFORMED },
    { "padded payload", "%H.eyJleHAiOjEwMDAwMDEgfQ==", AF_JWT_MALFORMED },
    { "one character too many", "%H.eyJleHAiOjEwMDAwMDEgfQAAA",
      AF_JWT_MALFORMED },
    { "space", "%H.%P ", AF_JWT_MALFORMED },
    { "newline", "%H.%P\n", AF_JWT_MALFORMED },
    { "newline in it", "%H.eyJleHAiOjEw\nMDAwMDEgfQ", AF_JWT_MALFORMED },
    { "zero", "%H.%P%0", AF_JWT_MALFORMED },
    { "an octet over 127", "%H.%P\xff", AF_JWT_MALFORMED },
    { "no payload", "%H.", AF_JWT_MALFORMED },
    { "no header", ".%P", AF_JWT_MALFORMED },
    { "no dot", "%H", AF_JWT_MALFORMED },
    { "three parts", "%H.%P.%P", AF_JWT_MALFORMED },
    { "the payload in plain text", "%H.{\"exp\":1000001}", AF_JWT_MALFORMED }
};


/* headers of tokens signed by KEY_ONE as HS256 */

static const struct {
    const char       *name;
    const char       *header;
    af_jwt_status_t   status;
} headers[] = {
    { "alg", "{\"alg\":\"HS256\"}", AF_JWT_OK },
    { "kid", "{\"alg\":\"HS256\",\"kid\":\"one\"}", AF_JWT_OK },
    { "JWT", "{\"alg\":\"HS256\",\"typ\":\"JWT\"}", AF_JWT_OK },
    { "jwt", "{\"alg\":\"HS256\",\"typ\":\"jwt\"}", AF_JWT_OK },
    { "at+jwt", "{\"alg\":\"HS256\",\"typ\":\"at+jwt\"}", AF_JWT_OK },
    { "AT+JWT", "{\"alg\":\"HS256\",\"typ\":\"AT+JWT\"}", AF_JWT_OK },
    { "application/at+jwt",
      "{\"alg\":\"HS256\",\"typ\":\"Application/at+jwt\"}", AF_JWT_OK },
    { "application/jwt",
      "{\"alg\":\"HS256\",\"typ\":\"application/jwt\"}", AF_JWT_OK },
    { "white space", " {\r\n\t\"alg\" : \"HS256\" } ", AF_JWT_OK },
    { "alg by an escape", "{\"alg\":\"\\u0048S256\"}", AF_JWT_OK },
    { "unknown", "{\"alg\":\"HS256\",\"x\":{\"y\":[null]}}", AF_JWT_OK },
    { "cty", "{\"alg\":\"HS256\",\"cty\":\"JWT\"}", AF_JWT_OK },
    { "zip", "{\"alg\":\"HS256\",\"zip\":\"DEF\"}", AF_JWT_OK },
    { "jwk", "{\"alg\":\"HS256\",\"jwk\":{\"kty\":\"oct\",\"k\":\"AAAA\"}}",
      AF_JWT_OK },
    { "jku", "{\"alg\":\"HS256\",\"jku\":\"https://example.com/\"}",
      AF_JWT_OK },
    { "x5u", "{\"alg\":\"HS256\",\"x5u\":\"https://example.com/\"}",
      AF_JWT_OK },
    { "x5c", "{\"alg\":\"HS256\",\"x5c\":[\"AAAA\"]}", AF_JWT_OK },

    { "none", "{\"alg\":\"none\"}", AF_JWT_UNKNOWN_KEY },
    { "None", "{\"alg\":\"None\"}", AF_JWT_UNKNOWN_KEY },
    { "NONE", "{\"alg\":\"NONE\"}", AF_JWT_UNKNOWN_KEY },
    { "nOnE", "{\"alg\":\"nOnE\"}", AF_JWT_UNKNOWN_KEY },
    { "none with kid", "{\"alg\":\"none\",\"kid\":\"one\"}",
      AF_JWT_SIGNATURE },
    { "alg empty", "{\"alg\":\"\"}", AF_JWT_UNKNOWN_KEY },
    { "alg in lower case", "{\"alg\":\"hs256\"}", AF_JWT_UNKNOWN_KEY },
    { "alg and a space", "{\"alg\":\"HS256 \"}", AF_JWT_UNKNOWN_KEY },
    { "alg of no key", "{\"alg\":\"HS384\"}", AF_JWT_UNKNOWN_KEY },
    { "alg of another key", "{\"alg\":\"HS512\"}", AF_JWT_NO_KID },
    { "alg of another key, and its kid",
      "{\"alg\":\"HS512\",\"kid\":\"five\"}", AF_JWT_SIGNATURE },
    { "RS256", "{\"alg\":\"RS256\"}", AF_JWT_UNKNOWN_KEY },
    { "ES256", "{\"alg\":\"ES256\"}", AF_JWT_UNKNOWN_KEY },
    { "EdDSA", "{\"alg\":\"EdDSA\"}", AF_JWT_UNKNOWN_KEY },
    { "kid of another key", "{\"alg\":\"HS256\",\"kid\":\"two\"}",
      AF_JWT_SIGNATURE },
    { "kid of another alg", "{\"alg\":\"HS256\",\"kid\":\"five\"}",
      AF_JWT_SIGNATURE },
    { "kid unknown", "{\"alg\":\"HS256\",\"kid\":\"three\"}",
      AF_JWT_UNKNOWN_KEY },
    { "kid empty", "{\"alg\":\"HS256\",\"kid\":\"\"}", AF_JWT_UNKNOWN_KEY },
    { "kid in upper case", "{\"alg\":\"HS256\",\"kid\":\"ONE\"}",
      AF_JWT_UNKNOWN_KEY },
    { "kid as SQL", "{\"alg\":\"HS256\",\"kid\":\"' OR 1=1 --\"}",
      AF_JWT_UNKNOWN_KEY },
    { "kid as a file", "{\"alg\":\"HS256\",\"kid\":\"../../dev/null\"}",
      AF_JWT_UNKNOWN_KEY },

    { "no alg", "{}", AF_JWT_MALFORMED },
    { "alg a number", "{\"alg\":256}", AF_JWT_MALFORMED },
    { "alg null", "{\"alg\":null}", AF_JWT_MALFORMED },
    { "alg true", "{\"alg\":true}", AF_JWT_MALFORMED },
    { "alg an array", "{\"alg\":[\"HS256\"]}", AF_JWT_MALFORMED },
    { "Alg", "{\"Alg\":\"HS256\"}", AF_JWT_MALFORMED },
    { "alg twice", "{\"alg\":\"HS256\",\"alg\":\"HS256\"}",
      AF_JWT_MALFORMED },
    { "alg twice, none first", "{\"alg\":\"none\",\"alg\":\"HS256\"}",
      AF_JWT_MALFORMED },
    { "alg twice by an escape", "{\"alg\":\"none\",\"\\u0061lg\":\"HS256\"}",
      AF_JWT_MALFORMED },
    { "a member of a member twice",
      "{\"alg\":\"HS256\",\"x\":{\"y\":1,\"y\":1}}", AF_JWT_MALFORMED },
    { "kid a number", "{\"alg\":\"HS256\",\"kid\":1}", AF_JWT_MALFORMED },
    { "kid null", "{\"alg\":\"HS256\",\"kid\":null}", AF_JWT_MALFORMED },
    { "kid an array", "{\"alg\":\"HS256\",\"kid\":[\"one\"]}",
      AF_JWT_MALFORMED },
    { "kid with a zero", "{\"alg\":\"HS256\",\"kid\":\"one\\u0000\"}",
      AF_JWT_MALFORMED },
    { "crit", "{\"alg\":\"HS256\",\"crit\":[\"exp\"],\"exp\":1}",
      AF_JWT_MALFORMED },
    { "crit empty", "{\"alg\":\"HS256\",\"crit\":[]}", AF_JWT_MALFORMED },
    { "crit null", "{\"alg\":\"HS256\",\"crit\":null}", AF_JWT_MALFORMED },
    { "b64 false", "{\"alg\":\"HS256\",\"b64\":false}", AF_JWT_MALFORMED },
    { "b64 true", "{\"alg\":\"HS256\",\"b64\":true}", AF_JWT_MALFORMED },
    { "typ another", "{\"alg\":\"HS256\",\"typ\":\"JWE\"}",
      AF_JWT_MALFORMED },
    { "typ of a logout token",
      "{\"alg\":\"HS256\",\"typ\":\"logout+jwt\"}", AF_JWT_MALFORMED },
    { "typ empty", "{\"alg\":\"HS256\",\"typ\":\"\"}", AF_JWT_MALFORMED },
    { "typ only a prefix", "{\"alg\":\"HS256\",\"typ\":\"application/\"}",
      AF_JWT_MALFORMED },
    { "typ another prefix", "{\"alg\":\"HS256\",\"typ\":\"text/jwt\"}",
      AF_JWT_MALFORMED },
    { "typ begins right", "{\"alg\":\"HS256\",\"typ\":\"JWTS\"}",
      AF_JWT_MALFORMED },
    { "typ a number", "{\"alg\":\"HS256\",\"typ\":1}", AF_JWT_MALFORMED },
    { "typ null", "{\"alg\":\"HS256\",\"typ\":null}", AF_JWT_MALFORMED },
    { "not JSON", "alg", AF_JWT_MALFORMED },
    { "a string", "\"HS256\"", AF_JWT_MALFORMED },
    { "an array", "[\"alg\",\"HS256\"]", AF_JWT_MALFORMED },
    { "null", "null", AF_JWT_MALFORMED },
    { "not closed", "{\"alg\":\"HS256\"", AF_JWT_MALFORMED },
    { "a comma", "{\"alg\":\"HS256\",}", AF_JWT_MALFORMED },
    { "single quotes", "{'alg':'HS256'}", AF_JWT_MALFORMED },
    { "a comment", "{\"alg\":\"HS256\"/**/}", AF_JWT_MALFORMED },
    { "two objects", "{\"alg\":\"HS256\"}{}", AF_JWT_MALFORMED },
    { "BOM", "\xef\xbb\xbf{\"alg\":\"HS256\"}", AF_JWT_MALFORMED },
    { "not UTF-8", "{\"alg\":\"HS256\",\"x\":\"\xff\"}", AF_JWT_MALFORMED },
    { "overlong UTF-8", "{\"alg\":\"HS256\",\"x\":\"\xc0\x80\"}",
      AF_JWT_MALFORMED }
};


static const char *const  ours[] = { "api", "web", NULL };
static const char *const  nothing[] = { NULL };


static const struct {
    const char         *name;
    const char         *payload;
    const char         *issuer;
    const char *const  *audience;
    int64_t             leeway;
    af_jwt_status_t     status;
} payloads[] = {
    { "only exp", "{\"exp\":1000001}", NULL, NULL, 0, AF_JWT_OK },
    { "all", "{\"iss\":\"joe\",\"sub\":\"1\",\"aud\":\"web\",\"jti\":\"x\","
      "\"exp\":1000001,\"nbf\":1000000,\"iat\":1000000}", "joe", ours, 0,
      AF_JWT_OK },
    { "white space", " { \"exp\" : 1000001 }\n", NULL, NULL, 0, AF_JWT_OK },

    /* exp */
    { "exp now", "{\"exp\":1000000}", NULL, NULL, 0, AF_JWT_EXPIRED },
    { "exp past", "{\"exp\":999999}", NULL, NULL, 0, AF_JWT_EXPIRED },
    { "exp 0", "{\"exp\":0}", NULL, NULL, 0, AF_JWT_EXPIRED },
    { "exp negative", "{\"exp\":-1}", NULL, NULL, 0, AF_JWT_EXPIRED },
    { "exp very negative", "{\"exp\":-9223372036854775808}", NULL, NULL, 0,
      AF_JWT_EXPIRED },
    { "exp -1e308", "{\"exp\":-1e308}", NULL, NULL, 0, AF_JWT_EXPIRED },
    { "exp huge", "{\"exp\":9223372036854775807}", NULL, NULL, 0,
      AF_JWT_OK },
    { "exp 1e308", "{\"exp\":1e308}", NULL, NULL, 0, AF_JWT_OK },
    { "exp real", "{\"exp\":1000001.5}", NULL, NULL, 0, AF_JWT_OK },
    { "exp real, past", "{\"exp\":999999.999}", NULL, NULL, 0,
      AF_JWT_EXPIRED },
    { "exp real, within this second", "{\"exp\":1000000.5}", NULL, NULL, 0,
      AF_JWT_EXPIRED },
    { "exp in milliseconds", "{\"exp\":1000001000}", NULL, NULL, 0,
      AF_JWT_OK },
    { "exp 1e400", "{\"exp\":1e400}", NULL, NULL, 0, AF_JWT_MALFORMED },
    { "exp over 64 bits", "{\"exp\":9223372036854775808}", NULL, NULL, 0,
      AF_JWT_MALFORMED },
    { "exp NaN", "{\"exp\":NaN}", NULL, NULL, 0, AF_JWT_MALFORMED },
    { "exp Infinity", "{\"exp\":Infinity}", NULL, NULL, 0,
      AF_JWT_MALFORMED },
    { "exp missing", "{\"sub\":\"1\"}", NULL, NULL, 0, AF_JWT_MALFORMED },
    { "exp null", "{\"exp\":null}", NULL, NULL, 0, AF_JWT_MALFORMED },
    { "exp true", "{\"exp\":true}", NULL, NULL, 0, AF_JWT_MALFORMED },
    { "exp a string", "{\"exp\":\"1000001\"}", NULL, NULL, 0,
      AF_JWT_MALFORMED },
    { "exp an array", "{\"exp\":[1000001]}", NULL, NULL, 0,
      AF_JWT_MALFORMED },
    { "exp an array of strings", "{\"exp\":[\"a\"]}", NULL, NULL, 0,
      AF_JWT_MALFORMED },
    { "exp an object", "{\"exp\":{}}", NULL, NULL, 0, AF_JWT_MALFORMED },
    { "exp hexadecimal", "{\"exp\":0xfffff}", NULL, NULL, 0,
      AF_JWT_MALFORMED },
    { "exp with a plus", "{\"exp\":+1000001}", NULL, NULL, 0,
      AF_JWT_MALFORMED },
    { "exp twice", "{\"exp\":1,\"exp\":1000001}", NULL, NULL, 0,
      AF_JWT_MALFORMED },
    { "exp twice by an escape", "{\"exp\":1,\"\\u0065xp\":1000001}", NULL,
      NULL, 0, AF_JWT_MALFORMED },
    { "EXP", "{\"EXP\":1000001}", NULL, NULL, 0, AF_JWT_MALFORMED },
    { "exp in an object", "{\"a\":{\"exp\":1000001}}", NULL, NULL, 0,
      AF_JWT_MALFORMED },
    { "exp within leeway", "{\"exp\":999991}", NULL, NULL, 10, AF_JWT_OK },
    { "exp without leeway", "{\"exp\":999990}", NULL, NULL, 10,
      AF_JWT_EXPIRED },

    /* nbf */
    { "nbf past", "{\"exp\":1000001,\"nbf\":-5}", NULL, NULL, 0, AF_JWT_OK },
    { "nbf now", "{\"exp\":1000001,\"nbf\":1000000}", NULL, NULL, 0,
      AF_JWT_OK },
    { "nbf in a second", "{\"exp\":1000009,\"nbf\":1000001}", NULL, NULL, 0,
      AF_JWT_NOT_YET_VALID },
    { "nbf huge", "{\"exp\":1000001,\"nbf\":9223372036854775807}", NULL,
      NULL, 0, AF_JWT_NOT_YET_VALID },
    { "nbf 1e308", "{\"exp\":1000001,\"nbf\":1e308}", NULL, NULL, 0,
      AF_JWT_NOT_YET_VALID },
    { "nbf within leeway", "{\"exp\":1000099,\"nbf\":1000010}", NULL, NULL,
      10, AF_JWT_OK },
    { "nbf without leeway", "{\"exp\":1000099,\"nbf\":1000011}", NULL, NULL,
      10, AF_JWT_NOT_YET_VALID },
    { "nbf a string", "{\"exp\":1000001,\"nbf\":\"0\"}", NULL, NULL, 0,
      AF_JWT_MALFORMED },
    { "nbf null", "{\"exp\":1000001,\"nbf\":null}", NULL, NULL, 0,
      AF_JWT_MALFORMED },

    /* iat */
    { "iat now", "{\"exp\":1000001,\"iat\":1000000}", NULL, NULL, 0,
      AF_JWT_OK },
    { "iat within this second", "{\"exp\":1000001,\"iat\":1000000.75}", NULL,
      NULL, 0, AF_JWT_OK },
    { "iat in a second", "{\"exp\":1000009,\"iat\":1000001}", NULL, NULL, 0,
      AF_JWT_NOT_YET_VALID },
    { "iat within leeway", "{\"exp\":1000099,\"iat\":1000010}", NULL, NULL,
      10, AF_JWT_OK },
    { "iat without leeway", "{\"exp\":1000099,\"iat\":1000011}", NULL, NULL,
      10, AF_JWT_NOT_YET_VALID },
    { "iat a string", "{\"exp\":1000001,\"iat\":\"0\"}", NULL, NULL, 0,
      AF_JWT_MALFORMED },
    { "iat false", "{\"exp\":1000001,\"iat\":false}", NULL, NULL, 0,
      AF_JWT_MALFORMED },

    /* iss */
    { "iss any", "{\"exp\":1000001,\"iss\":\"x\"}", NULL, NULL, 0,
      AF_JWT_OK },
    { "iss right", "{\"exp\":1000001,\"iss\":\"joe\"}", "joe", NULL, 0,
      AF_JWT_OK },
    { "iss missing", "{\"exp\":1000001}", "joe", NULL, 0, AF_JWT_ISSUER },
    { "iss empty", "{\"exp\":1000001,\"iss\":\"\"}", "joe", NULL, 0,
      AF_JWT_ISSUER },
    { "iss another", "{\"exp\":1000001,\"iss\":\"jim\"}", "joe", NULL, 0,
      AF_JWT_ISSUER },
    { "iss shorter", "{\"exp\":1000001,\"iss\":\"jo\"}", "joe", NULL, 0,
      AF_JWT_ISSUER },
    { "iss longer", "{\"exp\":1000001,\"iss\":\"joes\"}", "joe", NULL, 0,
      AF_JWT_ISSUER },
    { "iss in upper case", "{\"exp\":1000001,\"iss\":\"JOE\"}", "joe", NULL,
      0, AF_JWT_ISSUER },
    { "iss and a zero", "{\"exp\":1000001,\"iss\":\"joe\\u0000\"}", "joe",
      NULL, 0, AF_JWT_MALFORMED },
    { "iss an array", "{\"exp\":1000001,\"iss\":[\"joe\"]}", "joe", NULL, 0,
      AF_JWT_MALFORMED },
    { "iss null", "{\"exp\":1000001,\"iss\":null}", "joe", NULL, 0,
      AF_JWT_MALFORMED },
    { "iss a number, not demanded", "{\"exp\":1000001,\"iss\":1}", NULL,
      NULL, 0, AF_JWT_MALFORMED },

    /* aud */
    { "aud any", "{\"exp\":1000001,\"aud\":\"x\"}", NULL, NULL, 0,
      AF_JWT_OK },
    { "aud right", "{\"exp\":1000001,\"aud\":\"api\"}", NULL, ours, 0,
      AF_JWT_OK },
    { "aud right, the second", "{\"exp\":1000001,\"aud\":\"web\"}", NULL,
      ours, 0, AF_JWT_OK },
    { "aud right, in an array", "{\"exp\":1000001,\"aud\":[\"x\",\"web\"]}",
      NULL, ours, 0, AF_JWT_OK },
    { "aud missing", "{\"exp\":1000001}", NULL, ours, 0, AF_JWT_AUDIENCE },
    { "aud another", "{\"exp\":1000001,\"aud\":\"x\"}", NULL, ours, 0,
      AF_JWT_AUDIENCE },
    { "aud longer", "{\"exp\":1000001,\"aud\":\"apis\"}", NULL, ours, 0,
      AF_JWT_AUDIENCE },
    { "aud joined", "{\"exp\":1000001,\"aud\":\"api web\"}", NULL, ours, 0,
      AF_JWT_AUDIENCE },
    { "aud empty array", "{\"exp\":1000001,\"aud\":[]}", NULL, ours, 0,
      AF_JWT_AUDIENCE },
    { "aud other ones", "{\"exp\":1000001,\"aud\":[\"x\",\"y\"]}", NULL,
      ours, 0, AF_JWT_AUDIENCE },
    { "aud when none is ours", "{\"exp\":1000001,\"aud\":\"api\"}", NULL,
      nothing, 0, AF_JWT_AUDIENCE },
    { "aud a number", "{\"exp\":1000001,\"aud\":1}", NULL, NULL, 0,
      AF_JWT_MALFORMED },
    { "aud null", "{\"exp\":1000001,\"aud\":null}", NULL, ours, 0,
      AF_JWT_MALFORMED },
    { "aud with a number", "{\"exp\":1000001,\"aud\":[\"api\",1]}", NULL,
      ours, 0, AF_JWT_MALFORMED },
    { "aud in arrays", "{\"exp\":1000001,\"aud\":[[\"api\"]]}", NULL, ours,
      0, AF_JWT_MALFORMED },
    { "aud an object", "{\"exp\":1000001,\"aud\":{\"api\":1}}", NULL, ours,
      0, AF_JWT_MALFORMED },

    /* sub, jti */
    { "sub a number", "{\"exp\":1000001,\"sub\":1}", NULL, NULL, 0,
      AF_JWT_MALFORMED },
    { "sub null", "{\"exp\":1000001,\"sub\":null}", NULL, NULL, 0,
      AF_JWT_MALFORMED },
    { "sub an array", "{\"exp\":1000001,\"sub\":[\"1\"]}", NULL, NULL, 0,
      AF_JWT_MALFORMED },
    { "sub an object", "{\"exp\":1000001,\"sub\":{}}", NULL, NULL, 0,
      AF_JWT_MALFORMED },
    { "sub with a zero", "{\"exp\":1000001,\"sub\":\"1\\u00002\"}", NULL,
      NULL, 0, AF_JWT_MALFORMED },
    { "jti a number", "{\"exp\":1000001,\"jti\":1}", NULL, NULL, 0,
      AF_JWT_MALFORMED },

    /* the first error is returned */
    { "malformed before issuer", "{\"exp\":\"\",\"iss\":\"x\"}", "joe", ours,
      0, AF_JWT_MALFORMED },
    { "issuer before audience", "{\"exp\":1,\"iss\":\"x\",\"aud\":\"x\"}",
      "joe", ours, 0, AF_JWT_ISSUER },
    { "audience before time", "{\"exp\":1,\"iss\":\"joe\",\"aud\":\"x\"}",
      "joe", ours, 0, AF_JWT_AUDIENCE },

    /* not a JSON object */
    { "an array", "[{\"exp\":1000001}]", NULL, NULL, 0, AF_JWT_MALFORMED },
    { "an empty array", "[]", NULL, NULL, 0, AF_JWT_MALFORMED },
    { "a string", "\"exp\"", NULL, NULL, 0, AF_JWT_MALFORMED },
    { "a number", "1000001", NULL, NULL, 0, AF_JWT_MALFORMED },
    { "null", "null", NULL, NULL, 0, AF_JWT_MALFORMED },
    { "an empty object", "{}", NULL, NULL, 0, AF_JWT_MALFORMED },
    { "not JSON", "exp=1000001", NULL, NULL, 0, AF_JWT_MALFORMED },
    { "white space only", " ", NULL, NULL, 0, AF_JWT_MALFORMED },
    { "not closed", "{\"exp\":1000001", NULL, NULL, 0, AF_JWT_MALFORMED },
    { "something behind", "{\"exp\":1000001}x", NULL, NULL, 0,
      AF_JWT_MALFORMED },
    { "BOM", "\xef\xbb\xbf{\"exp\":1000001}", NULL, NULL, 0,
      AF_JWT_MALFORMED },
    { "not UTF-8", "{\"exp\":1000001,\"x\":\"\xff\"}", NULL, NULL, 0,
      AF_JWT_MALFORMED },
    { "a surrogate", "{\"exp\":1000001,\"x\":\"\\ud800\"}", NULL, NULL, 0,
      AF_JWT_MALFORMED },
    { "a member twice, deep", "{\"exp\":1000001,\"a\":[{\"b\":1,\"b\":1}]}",
      NULL, NULL, 0, AF_JWT_MALFORMED }
};


static af_key_t  *keys[KEYS + 1];


static af_key_t *
make_key(int fill, const char *alg, const char *kid)
{
    af_key_t          *key;
    const char        *error;
    unsigned char      secret[64];
    af_key_options_t   options = { .alg = alg, .kid = kid };

    memset(secret, fill, sizeof(secret));

    key = af_key_create_secret(secret, sizeof(secret), &options, &error);
    assert_non_null(key);

    return key;
}


static int
make_keys(void **state)
{
    (void) state;

    keys[KEY_ONE] = make_key(1, "HS256", "one");
    keys[KEY_TWO] = make_key(2, "HS256", "two");
    keys[KEY_FIVE] = make_key(5, "HS512", "five");

    return 0;
}


static int
free_keys(void **state)
{
    size_t  i;

    (void) state;

    for (i = 0; i < KEYS; i++) {
        af_key_free(keys[i]);
    }

    return 0;
}


static char *
append(char *p, const void *data, size_t len)
{
    size_t  size;

    size = sodium_base64_ENCODED_LEN(len,
                                     sodium_base64_VARIANT_URLSAFE_NO_PADDING);
    sodium_bin2base64(p, size, data, len,
                      sodium_base64_VARIANT_URLSAFE_NO_PADDING);

    return p + size - 1;
}


/* a token of any header and payload, with a valid signature */

static char *
forge(af_key_t *key, const char *header, const char *payload)
{
    char           *token, *p;
    size_t          len;
    unsigned char   sig[AF_SIGNATURE_MAX];

    token = malloc(2 * (strlen(header) + strlen(payload)) + 128);
    assert_non_null(token);

    p = append(token, header, strlen(header));
    *p++ = '.';
    p = append(p, payload, strlen(payload));

    len = af_key_sign(key, sig, (unsigned char *) token, p - token);
    assert_true(len > 0);

    *p++ = '.';
    append(p, sig, len);

    return token;
}


/* verifies a copy; a new reference in *claims, which is NULL on failure */

static af_jwt_status_t
read_token(const af_jwt_rules_t *rules, const char *token, size_t len,
    json_t **claims, const af_key_t **key)
{
    char             *copy, *text, *again_text;
    af_jwt_t          jwt;
    af_claims_t       again;
    af_jwt_status_t   status;

    copy = af_exact(token, len);
    text = malloc(len ? len : 1);
    again_text = malloc(len ? len : 1);
    assert_non_null(text);
    assert_non_null(again_text);

    *claims = NULL;
    memset(&jwt, 1, sizeof(jwt));

    status = af_jwt_verify(rules, copy, len, text, &jwt);
    *key = jwt.key;

    if (status == AF_JWT_OK) {
        *claims = json_incref((json_t *) af_claims_tree(&jwt.claims));
        assert_true(json_is_object(af_claims_tree(&jwt.header)));

        /* decoded once more, it is the same */

        assert_int_equal(af_jwt_read(copy, len, AF_JWT_PAYLOAD, again_text,
                                     &again),
                         AF_JWT_OK);
        assert_true(json_equal((json_t *) af_claims_tree(&again), *claims));
        af_claims_free(&again);

        assert_int_equal(af_jwt_read(copy, len, AF_JWT_HEADER, again_text,
                                     &again),
                         AF_JWT_OK);
        assert_true(json_equal((json_t *) af_claims_tree(&again),
                               (json_t *) af_claims_tree(&jwt.header)));
        af_claims_free(&again);

    } else {
        assert_null(jwt.claims.text);
        assert_null(jwt.header.text);
    }

    af_jwt_close(&jwt);
    free(again_text);
    free(text);
    free(copy);

    return status;
}


/* likewise, and frees the claims */

static af_jwt_status_t
verify(const af_jwt_rules_t *rules, const char *token, size_t len)
{
    json_t           *claims;
    const af_key_t   *key;
    af_jwt_status_t   status;

    status = read_token(rules, token, len, &claims, &key);

    assert_int_equal(json_is_object(claims), status == AF_JWT_OK);
    assert_int_equal(key == NULL, status != AF_JWT_OK);

    json_decref(claims);

    return status;
}


static af_jwt_status_t
verify_now(const char *token, size_t len)
{
    af_jwt_rules_t  rules = { .keys = keys, .now = NOW };

    return verify(&rules, token, len);
}


static af_key_t *
a1_key(void)
{
    size_t             len;
    af_key_t          *key;
    const char        *error;
    unsigned char      secret[64];
    af_key_options_t   options = { .alg = "HS256" };

    assert_int_equal(sodium_base642bin(secret, sizeof(secret), A1_KEY,
                         strlen(A1_KEY), NULL, &len, NULL,
                         sodium_base64_VARIANT_URLSAFE_NO_PADDING), 0);
    assert_int_equal(len, 64);

    key = af_key_create_secret(secret, len, &options, &error);
    assert_non_null(key);

    return key;
}


static void
test_rfc_7515_a1_and_rfc_7519_3_1(void **state)
{
    size_t           len;
    json_t          *claims;
    af_key_t        *list[2];
    const af_key_t  *key;
    unsigned char    sig[AF_SIGNATURE_MAX];
    af_jwt_rules_t   rules = { .keys = list, .issuer = "joe",
                               .now = A1_EXP - 1 };

    (void) state;

    list[0] = a1_key();
    list[1] = NULL;

    assert_int_equal(sodium_base642bin(sig, sizeof(sig), A1_SIGNATURE,
                         strlen(A1_SIGNATURE), NULL, &len, NULL,
                         sodium_base64_VARIANT_URLSAFE_NO_PADDING), 0);
    assert_int_equal(af_key_verify(list[0], sig, len,
                         (unsigned char *) A1_HEADER "." A1_PAYLOAD,
                         strlen(A1_HEADER "." A1_PAYLOAD)), 1);

    assert_int_equal(read_token(&rules, A1_TOKEN, strlen(A1_TOKEN), &claims,
                                &key), AF_JWT_OK);
    assert_ptr_equal(key, list[0]);
    assert_int_equal(json_object_size(claims), 3);
    assert_string_equal(json_string_value(json_object_get(claims, "iss")),
                        "joe");
    assert_int_equal(json_integer_value(json_object_get(claims, "exp")),
                     A1_EXP);
    assert_true(json_is_true(json_object_get(claims,
                                             "http://example.com/is_root")));
    json_decref(claims);

    rules.now = A1_EXP;
    assert_int_equal(verify(&rules, A1_TOKEN, strlen(A1_TOKEN)),
                     AF_JWT_EXPIRED);

    af_key_free(list[0]);
}


static void
test_rfc_7515_a5_is_refused(void **state)
{
    af_key_t        *list[2];
    af_jwt_rules_t   rules = { .keys = list, .now = A1_EXP - 1 };

    (void) state;

    list[0] = a1_key();
    list[1] = NULL;

    assert_int_equal(verify(&rules, A5_TOKEN, strlen(A5_TOKEN)),
                     AF_JWT_MALFORMED);
    assert_int_equal(verify(&rules, A5_TOKEN A1_SIGNATURE,
                            strlen(A5_TOKEN A1_SIGNATURE)),
                     AF_JWT_UNKNOWN_KEY);

    af_key_free(list[0]);
}


static size_t
compose(char *dst, const char *shape, const char *token)
{
    char        *p;
    size_t       i;
    const char  *parts[4];

    static const char  names[] = "HPS";

    parts[0] = token;
    parts[1] = strchr(parts[0], '.') + 1;
    parts[2] = strchr(parts[1], '.') + 1;
    parts[3] = token + strlen(token) + 1;

    for (p = dst; *shape != '\0'; shape++) {

        if (*shape != '%') {
            *p++ = *shape;
            continue;
        }

        if (*++shape == '0') {
            *p++ = '\0';
            continue;
        }

        i = strchr(names, *shape) - names;
        memcpy(p, parts[i], parts[i + 1] - 1 - parts[i]);
        p += parts[i + 1] - 1 - parts[i];
    }

    return p - dst;
}


static void
test_only_three_parts_in_base64url(void **state)
{
    int               failed;
    char              text[1024], *token;
    size_t            i, len;
    af_jwt_status_t   status;

    (void) state;

    failed = 0;
    token = forge(keys[KEY_ONE], HEADER, PAYLOAD);

    for (i = 0; i < af_nelts(shapes); i++) {
        len = compose(text, shapes[i].shape, token);
        status = verify_now(text, len);
        af_row(status == shapes[i].status, "%s: %d", shapes[i].name, status);
    }

    free(token);

    assert_int_equal(failed, 0);
}


static void
test_a_signature_does_not_excuse_the_encoding(void **state)
{
    int               failed;
    char              text[1024], *token;
    size_t            i, len, n;
    unsigned char     sig[AF_SIGNATURE_MAX];
    af_jwt_status_t   status;

    (void) state;

    failed = 0;
    token = forge(keys[KEY_ONE], HEADER, PAYLOAD);

    for (i = 0; i < af_nelts(inputs); i++) {
        len = compose(text, inputs[i].shape, token);
        n = af_key_sign(keys[KEY_ONE], sig, (unsigned char *) text, len);
        text[len] = '.';
        append(&text[len + 1], sig, n);

        len += 1 + strlen(&text[len + 1]);
        status = verify_now(text, len);
        af_row(status == inputs[i].status, "%s: %d", inputs[i].name, status);
    }

    free(token);

    assert_int_equal(failed, 0);
}


static void
test_headers(void **state)
{
    int               failed;
    char             *token;
    size_t            i;
    af_jwt_status_t   status;

    (void) state;

    failed = 0;

    for (i = 0; i < af_nelts(headers); i++) {
        token = forge(keys[KEY_ONE], headers[i].header, PAYLOAD);
        status = verify_now(token, strlen(token));
        af_row(status == headers[i].status, "%s: %d", headers[i].name,
               status);
        free(token);
    }

    assert_int_equal(failed, 0);
}


static void
test_claims(void **state)
{
    int               failed;
    char             *token;
    size_t            i;
    af_jwt_status_t   status;

    (void) state;

    failed = 0;

    for (i = 0; i < af_nelts(payloads); i++) {
        af_jwt_rules_t  rules = {
            .keys = keys,
            .issuer = payloads[i].issuer,
            .audience = payloads[i].audience,
            .now = NOW,
            .leeway = payloads[i].leeway
        };

        token = forge(keys[KEY_ONE], HEADER, payloads[i].payload);
        status = verify(&rules, token, strlen(token));
        af_row(status == payloads[i].status, "%s: %d", payloads[i].name,
               status);
        free(token);
    }

    assert_int_equal(failed, 0);
}


/* also other encodings of the same octets: excess bits */

static void
test_no_octet_can_be_changed(void **state)
{
    int     c, failed;
    char   *token, old;
    size_t  i, len;

    (void) state;

    failed = 0;
    token = forge(keys[KEY_ONE], HEADER, PAYLOAD);
    len = strlen(token);

    assert_int_equal(verify_now(token, len), AF_JWT_OK);

    for (i = 0; i < len; i++) {
        old = token[i];

        for (c = 0; c < 256; c++) {
            token[i] = (char) c;

            if (token[i] != old) {
                af_row(verify_now(token, len) != AF_JWT_OK, "%d at %zu", c,
                       i);
            }
        }

        token[i] = old;
    }

    assert_int_equal(verify_now(token, len), AF_JWT_OK);

    free(token);

    assert_int_equal(failed, 0);
}


static void
test_no_part_is_a_token(void **state)
{
    int      failed;
    char    *token;
    size_t   i, len;

    (void) state;

    failed = 0;
    token = forge(keys[KEY_ONE], HEADER, PAYLOAD);
    len = strlen(token);

    for (i = 0; i < len; i++) {
        af_row(verify_now(token, i) != AF_JWT_OK, "the first %zu", i);
    }

    for (i = 1; i < len; i++) {
        af_row(verify_now(token + i, len - i) != AF_JWT_OK, "from %zu", i);
    }

    free(token);

    assert_int_equal(failed, 0);
}


static void
test_the_payload_is_not_read_before_the_signature(void **state)
{
    char  *token;

    (void) state;

    token = forge(keys[KEY_ONE], "{\"alg\":\"HS256\",\"kid\":\"two\"}",
                  "not JSON");
    assert_int_equal(verify_now(token, strlen(token)), AF_JWT_SIGNATURE);
    free(token);

    token = forge(keys[KEY_TWO], "{\"alg\":\"HS256\",\"kid\":\"two\"}",
                  "not JSON");
    assert_int_equal(verify_now(token, strlen(token)), AF_JWT_MALFORMED);
    free(token);
}


static void
test_keys_without_and_with_one_kid(void **state)
{
    char            *token;
    size_t           i;
    af_key_t        *list[3], *none[1], *stranger;
    af_jwt_rules_t   rules = { .keys = list, .now = NOW };

    (void) state;

    /* without a kid all keys of the algorithm are tried */

    for (i = 0; i < KEYS; i++) {
        token = forge(keys[i], i == KEY_FIVE ? "{\"alg\":\"HS512\"}" : HEADER,
                      PAYLOAD);
        assert_int_equal(verify_now(token, strlen(token)), AF_JWT_OK);
        free(token);
    }

    stranger = make_key(9, "HS256", "one");
    token = forge(stranger, HEADER, PAYLOAD);
    assert_int_equal(verify_now(token, strlen(token)), AF_JWT_NO_KID);
    free(token);

    /* two keys with one kid */

    list[0] = keys[KEY_ONE];
    list[1] = stranger;
    list[2] = NULL;

    for (i = 0; i < 2; i++) {
        token = forge(list[i], "{\"alg\":\"HS256\",\"kid\":\"one\"}",
                      PAYLOAD);
        assert_int_equal(verify(&rules, token, strlen(token)), AF_JWT_OK);
        free(token);
    }

    /* an unknown kid may be that of a key without a configured one */

    list[1] = make_key(10, "HS256", NULL);

    for (i = 0; i < 2; i++) {
        token = forge(list[i], "{\"alg\":\"HS256\",\"kid\":\"three\"}",
                      PAYLOAD);
        assert_int_equal(verify(&rules, token, strlen(token)),
                         i == 1 ? AF_JWT_OK : AF_JWT_UNKNOWN_KEY);
        free(token);
    }

    af_key_free(list[1]);

    /* no keys at all */

    none[0] = NULL;
    rules.keys = none;

    token = forge(stranger, HEADER, PAYLOAD);
    assert_int_equal(verify(&rules, token, strlen(token)), AF_JWT_UNKNOWN_KEY);
    free(token);

    af_key_free(stranger);
}


/* a key's own issuer is what counts */

static void
test_issuers_are_bound_to_keys(void **state)
{
    int               failed;
    char             *token;
    size_t            i;
    af_key_t         *list[3], *by;
    const char       *error;
    unsigned char     secret[64];
    af_jwt_rules_t    rules = { .keys = list, .issuer = "us", .now = NOW };
    af_key_options_t  options = { .kid = "one", .issuer = "them" };

    static const struct {
        const char       *name;
        unsigned          key;
        const char       *payload;
        af_jwt_status_t   status;
    } rows[] = {
        { "ours", 0, "{\"exp\":1000001,\"iss\":\"us\"}", AF_JWT_OK },
        { "ours by us for them", 0, "{\"exp\":1000001,\"iss\":\"them\"}",
          AF_JWT_ISSUER },
        { "theirs", 1, "{\"exp\":1000001,\"iss\":\"them\"}", AF_JWT_OK },
        { "theirs as ours", 1, "{\"exp\":1000001,\"iss\":\"us\"}",
          AF_JWT_ISSUER },
        { "theirs without", 1, "{\"exp\":1000001}", AF_JWT_ISSUER }
    };

    (void) state;

    memset(secret, 9, sizeof(secret));

    list[0] = keys[KEY_ONE];
    list[1] = af_key_create_secret(secret, sizeof(secret), &options, &error);
    list[2] = NULL;

    assert_non_null(list[1]);
    assert_string_equal(af_key_issuer(list[1]), "them");
    assert_int_equal(af_key_signs(list[1]), 0);

    failed = 0;

    for (i = 0; i < af_nelts(rows); i++) {

        /* theirs doesn't sign: use a copy */

        by = rows[i].key ? make_key(9, "HS256", "one") : list[0];
        token = forge(by, HEADER, rows[i].payload);

        af_row(verify(&rules, token, strlen(token)) == rows[i].status, "%s",
               rows[i].name);

        if (rows[i].key) {
            af_key_free(by);
        }

        free(token);
    }

    af_key_free(list[1]);

    assert_int_equal(failed, 0);
}


/* some issuers have several names */

static void
test_one_key_may_have_several_issuers(void **state)
{
    int               failed;
    char             *token;
    size_t            i;
    af_key_t         *list[4], *by;
    const char       *error;
    unsigned char     secret[64];
    const af_key_t   *key;
    json_t           *claims;
    af_jwt_rules_t    rules = { .keys = list, .issuer = "us", .now = NOW };
    af_key_options_t  options = { .kid = "one" };

    static const struct {
        const char       *payload;
        int               key;
        af_jwt_status_t   status;
    } rows[] = {
        { "{\"exp\":1000001,\"iss\":\"a\"}", 0, AF_JWT_OK },
        { "{\"exp\":1000001,\"iss\":\"b\"}", 1, AF_JWT_OK },
        { "{\"exp\":1000001,\"iss\":\"us\"}", 2, AF_JWT_OK },
        { "{\"exp\":1000000,\"iss\":\"b\"}", -1, AF_JWT_EXPIRED },
        { "{\"exp\":1000001,\"iss\":\"c\"}", -1, AF_JWT_ISSUER },
        { "{\"exp\":1000001}", -1, AF_JWT_ISSUER }
    };

    (void) state;

    memset(secret, 9, sizeof(secret));

    for (i = 0; i < 3; i++) {
        options.issuer = (i == 0) ? "a" : (i == 1) ? "b" : NULL;
        list[i] = af_key_create_secret(secret, sizeof(secret), &options,
                                       &error);
        assert_non_null(list[i]);
    }

    list[3] = NULL;

    by = make_key(9, "HS256", "one");
    failed = 0;

    for (i = 0; i < af_nelts(rows); i++) {
        token = forge(by, HEADER, rows[i].payload);

        af_row(read_token(&rules, token, strlen(token), &claims, &key)
               == rows[i].status
               && key == (rows[i].key == -1 ? NULL : list[rows[i].key]),
               "%s", rows[i].payload);

        json_decref(claims);
        free(token);
    }

    for (i = 0; i < 3; i++) {
        af_key_free(list[i]);
    }

    af_key_free(by);

    assert_int_equal(failed, 0);
}


/* the number of signatures per token is bounded */

static void
test_a_token_without_kid_is_not_tried_forever(void **state)
{
    char           *token;
    size_t          i;
    af_key_t       *list[13];
    af_jwt_rules_t  rules = { .keys = list, .now = NOW };

    (void) state;

    for (i = 0; i < 12; i++) {
        list[i] = make_key(100 + i, (i & 1) ? "HS256" : "HS384", NULL);
    }

    list[12] = NULL;

    for (i = 1; i < 12; i += 2) {
        token = forge(list[i], HEADER, PAYLOAD);
        assert_int_equal(verify(&rules, token, strlen(token)), AF_JWT_OK);
        free(token);
    }

    for (i = 0; i < 12; i += 2) {
        af_key_free(list[i]);
        list[i] = make_key(100 + i, "HS256", NULL);
    }

    for (i = 0; i < 12; i++) {
        token = forge(list[i], HEADER, PAYLOAD);
        assert_int_equal(verify(&rules, token, strlen(token)),
                         i < 8 ? AF_JWT_OK : AF_JWT_NO_KID);
        free(token);
    }

    for (i = 0; i < 12; i++) {
        af_key_free(list[i]);
    }
}


static void
test_a_token_made_is_a_token(void **state)
{
    char            *token;
    size_t           i, len;
    json_t          *claims, *read;
    const af_key_t  *key;
    af_jwt_rules_t   rules = { .keys = keys, .issuer = "autoflow",
                               .audience = ours, .now = NOW };

    (void) state;

    claims = json_pack("{s:s, s:[s], s:s, s:I, s:I, s:[s,s], s:b, s:n}",
                       "iss", "autoflow", "aud", "api",
                       "email", "j\xc3\xb6rg@example.com",
                       "iat", (json_int_t) NOW, "exp", (json_int_t) NOW + 1,
                       "roles", "a", "\"b\"", "is_superuser", 0, "none");
    assert_non_null(claims);

    for (i = 0; i < KEYS; i++) {
        token = af_jwt_sign(keys[i], claims, &len);

        assert_non_null(token);
        assert_int_equal(strlen(token), len);
        assert_int_equal(read_token(&rules, token, len, &read, &key),
                         AF_JWT_OK);
        assert_ptr_equal(key, keys[i]);
        assert_true(json_equal(read, claims));

        json_decref(read);
        free(token);
    }

    json_decref(claims);
}


/* a claim that makes the token exactly as long as wanted, or a little longer */

static json_t *
claims_of(size_t fill)
{
    char    *text;
    json_t  *claims;

    text = malloc(fill + 1);
    assert_non_null(text);

    memset(text, 'x', fill);
    text[fill] = '\0';

    claims = json_pack("{s:I, s:s}", "exp", (json_int_t) NOW + 1, "x", text);
    assert_non_null(claims);

    free(text);

    return claims;
}


static void
test_long_tokens(void **state)
{
    char    *token, *made, *text;
    size_t   fill, len, longest, refused;
    json_t  *claims;

    (void) state;

    longest = 0;
    refused = 0;

    for (fill = 5900; fill < 6300; fill++) {
        claims = claims_of(fill);
        text = json_dumps(claims, JSON_COMPACT);
        token = forge(keys[KEY_ONE],
                      "{\"alg\":\"HS256\",\"typ\":\"JWT\",\"kid\":\"one\"}",
                      text);
        made = af_jwt_sign(keys[KEY_ONE], claims, &len);

        if (strlen(token) <= AF_JWT_MAX) {
            assert_non_null(made);
            assert_string_equal(made, token);
            assert_int_equal(verify_now(token, len), AF_JWT_OK);
            longest = len;

        } else {
            assert_null(made);
            assert_int_equal(verify_now(token, strlen(token)),
                             AF_JWT_TOO_LONG);
            refused++;
        }

        free(made);
        free(token);
        free(text);
        json_decref(claims);
    }

    /* the length of base64url is never 1 modulo 4 */
    assert_true(longest >= AF_JWT_MAX - 1);
    assert_true(refused > 0);

    claims = claims_of(2 * AF_JWT_MAX);
    assert_null(af_jwt_sign(keys[KEY_ONE], claims, &len));
    json_decref(claims);

    assert_null(af_jwt_sign(keys[KEY_ONE], NULL, &len));
}


static void
test_deep_nesting(void **state)
{
    char    *token, payload[6000];
    size_t   i;

    (void) state;

    for (i = 0; i < sizeof(payload) - 1; i++) {
        payload[i] = '[';
    }

    payload[i] = '\0';

    token = forge(keys[KEY_ONE], HEADER, payload);
    assert_int_equal(verify_now(token, strlen(token)), AF_JWT_MALFORMED);
    free(token);

    token = forge(keys[KEY_ONE], payload, PAYLOAD);
    assert_int_equal(verify_now(token, strlen(token)), AF_JWT_MALFORMED);
    free(token);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_rfc_7515_a1_and_rfc_7519_3_1),
        cmocka_unit_test(test_rfc_7515_a5_is_refused),
        cmocka_unit_test(test_only_three_parts_in_base64url),
        cmocka_unit_test(test_a_signature_does_not_excuse_the_encoding),
        cmocka_unit_test(test_headers),
        cmocka_unit_test(test_claims),
        cmocka_unit_test(test_no_octet_can_be_changed),
        cmocka_unit_test(test_no_part_is_a_token),
        cmocka_unit_test(test_the_payload_is_not_read_before_the_signature),
        cmocka_unit_test(test_keys_without_and_with_one_kid),
        cmocka_unit_test(test_issuers_are_bound_to_keys),
        cmocka_unit_test(test_one_key_may_have_several_issuers),
        cmocka_unit_test(test_a_token_without_kid_is_not_tried_forever),
        cmocka_unit_test(test_a_token_made_is_a_token),
        cmocka_unit_test(test_long_tokens),
        cmocka_unit_test(test_deep_nesting)
    };

    return sodium_init() == -1
           || cmocka_run_group_tests_name("jwt", tests, make_keys, free_keys);
}
