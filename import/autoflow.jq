# For all recipes.

# of a column that is empty where there is nothing
def text: if . == null or . == "" then null else tostring end;

# JSON in a column of text
def parsed: if type == "string" then (if . == "" then null else fromjson end)
            else . end;

def boolean: (tostring | ascii_downcase) as $value
    | if ["true", "t", "1", "yes"] | index($value) then true else false end;

# the name of a role, made of any name
def role: ascii_downcase | gsub("[^a-z0-9_:-]+"; "-") | ltrimstr("-")
    | rtrimstr("-") | .[:100];

# several: an array, also as JSON or as PostgreSQL writes one; or a list with
# commas, as of group_concat()
def roles: (if . == null or . == "" then []
            elif type == "array" then .
            elif startswith("[") then fromjson
            else gsub("[{}\"]"; "") | split(",") end)
    | map(select(. != null and . != "") | role) | unique;

# a username that is the address, or looks like one, is none
def username: text | if . != null and contains("@") then null else . end;

# a first and a last name as one
def full_name($first; $last):
    [$first, $last | text | select(. != null)] | join(" ") | text;

def profile: with_entries(.value |= (if . == "" then null else . end)
                          | select(.value != null));
