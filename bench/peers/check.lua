-- A check of an HS256 token for nginx's lua module, as one writes it without a
-- library: the signature by OpenSSL's HMAC, the header, `exp` and `iss` by cjson.
-- Nothing is cached, and nothing can be revoked.

local ffi = require "ffi"
local parse = require("cjson.safe").decode
local crypto = ffi.load("libcrypto.so.3")
ffi.cdef [[
const void *EVP_sha256(void);
unsigned char *HMAC(const void *evp, const void *key, int key_len,
    const unsigned char *d, size_t n, unsigned char *md, unsigned int *md_len);
]]

local sha256 = crypto.EVP_sha256()
local digest = ffi.new("unsigned char[32]")
local length = ffi.new("unsigned int[1]")
local decode = require("ngx.base64").decode_base64url
local _M = {}

function _M.check(key)
    local header = ngx.var.http_authorization
    local signed, head, body, signature
    if header and header:sub(1, 7) == "Bearer " then
        head, body, signature = header:match("^([%w_-]+)%.([%w_-]+)%.([%w_-]+)$", 8)
    end
    if not head then
        return ngx.exit(401)
    end
    signed = head .. "." .. body
    crypto.HMAC(sha256, key, #key, signed, #signed, digest, length)
    if decode(signature) ~= ffi.string(digest, 32) then
        return ngx.exit(401)
    end
    local kind, claims = parse(decode(head)), parse(decode(body))
    if type(kind) ~= "table" or kind.alg ~= "HS256" or type(claims) ~= "table"
        or type(claims.exp) ~= "number" or claims.exp <= ngx.time()
        or claims.iss ~= "autoflow" then
        return ngx.exit(401)
    end
end

return _M
