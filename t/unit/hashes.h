/*
 * Stored hashes, for a table of { problem, password, hash }: what is wrong with
 * the hash, or "", and the password that it matches, if there is one.  Those
 * with a password were made by the systems themselves, or are test vectors that
 * these publish.  t/unit/hash.c compares with src/crypto/schemes.c, and
 * t/83-imported-hashes.t with autoflow.password_hash_problem().
 */

/* bcrypt */
{ "", "U*U",
  "$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW" },
{ "", "test",
  "$2y$10$srNl09aPtc2qr.0Vl.NtjekJRt/NxRxYQm3qd3OvfcKsJgVnr6.Ve" },
{ "", "correct horse",
  "$2b$04$4bGFGzZWEd2g9Q7gvMeYVuKoULU9jaFYp22i2AvrAmsmyobD0ILQi" },
/* the salt's last bits aren't zero, as some old libraries had it */
{ "", "correct horse",
  "$2b$04$4bGFGzZWEd2g9Q7gvMeYVvKoULU9jaFYp22i2AvrAmsmyobD0ILQi" },
{ "", "",
  "$2b$15$R9h/cIPz0gi.URNNX3kh2OPST9/PgBkqquzi.Ss7KIUgO2t0jWMUW" },
{ "excessive", "",
  "$2b$16$R9h/cIPz0gi.URNNX3kh2OPST9/PgBkqquzi.Ss7KIUgO2t0jWMUW" },
{ "excessive", "",
  "$2b$31$R9h/cIPz0gi.URNNX3kh2OPST9/PgBkqquzi.Ss7KIUgO2t0jWMUW" },
{ "malformed", "",
  "$2b$03$R9h/cIPz0gi.URNNX3kh2OPST9/PgBkqquzi.Ss7KIUgO2t0jWMUW" },
{ "malformed", "",
  "$2b$32$R9h/cIPz0gi.URNNX3kh2OPST9/PgBkqquzi.Ss7KIUgO2t0jWMUW" },
{ "malformed", "",
  "$2b$5$R9h/cIPz0gi.URNNX3kh2OPST9/PgBkqquzi.Ss7KIUgO2t0jWMUW" },
{ "malformed", "",
  "$2b$12$R9h/cIPz0gi.URNNX3kh2OPST9/PgBkqquzi.Ss7KIUgO2t0jWMU" },
{ "malformed", "",
  "$2b$12$R9h/cIPz0gi.URNNX3kh2OPST9/PgBkqquzi.Ss7KIUgO2t0jWMUWW" },
{ "malformed", "",
  "$2b$12$R9h/cIPz0gi.URNNX3kh2OPST9/PgBkqquzi.Ss7KIUgO2t0jWMU+" },
{ "unknown_scheme", "",
  "$2x$12$R9h/cIPz0gi.URNNX3kh2OPST9/PgBkqquzi.Ss7KIUgO2t0jWMUW" },

/* Django's bcrypt, the second of a SHA-256 */
{ "", "correct horse",
  "bcrypt$$2b$04$mFbp9ExnPRmYkd2D42q.NuQFuE8kEZwmSknCA6bMwUDa/0Q6yH5.u" },
{ "", "correct horse",
  "bcrypt_sha256$$2b$04$aLcSCbhR3uk47qF1H2zL7e7bo0O8PxKvNpDzxWpn2YM8ql0fTXNMW"
},
{ "excessive", "",
  "bcrypt_sha256$$2b$16$aLcSCbhR3uk47qF1H2zL7e7bo0O8PxKvNpDzxWpn2YM8ql0fTXNMW"
},
{ "malformed", "",
  "bcrypt_sha256$$2b$04$aLcSCbhR3uk47qF1H2zL7e7bo0O8PxKvNpDzxWpn2YM8ql0fTXN"
},

/* Argon2, also with several lanes; passlib's, GoTrue's, Django's */
{ "", "test", "$argon2i$v=19$m=16,t=2,p=1$bGJRWThNOHJJTVBSdHl2dQ$"
  "NfEnUOuUpb7F2fQkgFUG4g" },
{ "", "test", "$argon2id$v=19$m=32,t=3,p=2$SFVpOWJ0eXhjRzVkdGN1RQ$"
  "RXnb8rh7LaDcn07xsssqqulZYXOM/EUCEFMVcAcyYVk" },
{ "", "correct horse", "$argon2i$v=19$m=64,t=2,p=4$hTAGAEBISSlFqDUmBMB4Tw$"
  "/iG9diw7F/Ed1cfZeI4DwQ" },
{ "", "correct horse", "$argon2id$v=19$m=64,t=2,p=4$ltKa07r3XosxBmCstRaCMA$"
  "2MiYbD18rNmzqTd3iCrRtA" },
/* of the cost of t/unit/hash.c, but a shorter digest than ours */
{ "", "correct horse", "$argon2id$v=19$m=8,t=1,p=1$c29tZXNhbHRzb21lc2FsdA$"
  "lYD0Di7s7zpwShn+aU4MmQ" },
{ "", "correct horse", "argon2$argon2id$v=19$m=64,t=2,p=8$"
  "elVjTnlSZWw2amZjNWhudFlLYnZDdw$HMHFxmwLM8PoxPvEXk0IgQ" },
{ "", "", "$argon2id$v=19$m=1048576,t=4,p=1$bGJRWThNOHJJTVBSdHl2dQ$"
  "NfEnUOuUpb7F2fQkgFUG4g" },
{ "excessive", "", "$argon2id$v=19$m=1048577,t=1,p=1$bGJRWThNOHJJTVBSdHl2dQ$"
  "NfEnUOuUpb7F2fQkgFUG4g" },
{ "excessive", "", "$argon2id$v=19$m=1048576,t=5,p=1$bGJRWThNOHJJTVBSdHl2dQ$"
  "NfEnUOuUpb7F2fQkgFUG4g" },
{ "", "", "$argon2i$v=19$m=8,t=524288,p=1$bGJRWThNOHJJTVBSdHl2dQ$"
  "NfEnUOuUpb7F2fQkgFUG4g" },
{ "excessive", "", "$argon2i$v=19$m=8,t=524289,p=1$bGJRWThNOHJJTVBSdHl2dQ$"
  "NfEnUOuUpb7F2fQkgFUG4g" },
{ "excessive", "", "$argon2id$v=19$m=4294967296,t=18446744073709551617,p=1$"
  "bGJRWThNOHJJTVBSdHl2dQ$NfEnUOuUpb7F2fQkgFUG4g" },
{ "excessive", "", "argon2$argon2id$v=19$m=1048576,t=5,p=1$"
  "bGJRWThNOHJJTVBSdHl2dQ$NfEnUOuUpb7F2fQkgFUG4g" },
/* less memory than 8 KiB a lane */
{ "malformed", "", "$argon2id$v=19$m=15,t=3,p=2$SFVpOWJ0eXhjRzVkdGN1RQ$"
  "RXnb8rh7LaDcn07xsssqqulZYXOM/EUCEFMVcAcyYVk" },
{ "malformed", "", "$argon2id$v=19$m=32,t=0,p=2$SFVpOWJ0eXhjRzVkdGN1RQ$"
  "RXnb8rh7LaDcn07xsssqqulZYXOM/EUCEFMVcAcyYVk" },
{ "malformed", "", "$argon2id$v=19$m=032,t=3,p=2$SFVpOWJ0eXhjRzVkdGN1RQ$"
  "RXnb8rh7LaDcn07xsssqqulZYXOM/EUCEFMVcAcyYVk" },
{ "malformed", "", "$argon2id$v=19$m=32,t=100000000000000000000,p=2$"
  "SFVpOWJ0eXhjRzVkdGN1RQ$RXnb8rh7LaDcn07xsssqqulZYXOM/EUCEFMVcAcyYVk" },
{ "malformed", "", "$argon2id$v=16$m=16,t=2,p=1$bGJRWThNOHJJTVBSdHl2dQ$"
  "NfEnUOuUpb7F2fQkgFUG4g" },
{ "malformed", "", "$argon2id$v=19$m=16,t=2,p=1,data=abc$"
  "bGJRWThNOHJJTVBSdHl2dQ$NfEnUOuUpb7F2fQkgFUG4g" },
{ "malformed", "", "$argon2id$v=19$m=16,t=2,p=1$bGJRWThNOHJJTVBSdHl2dQ$"
  "NfEnUOuUpb7F2fQkgFUG4g=" },
{ "malformed", "", "$argon2id$v=19$m=16,t=2,p=1$bGJRWThNOHJJTVBSdHl2dQ$"
  "NfEnUOuUpb7F2fQkgFUG4h" },
{ "malformed", "", "$argon2id$v=19$m=16,t=2,p=1$bGJRWThNOHJJTVBSdHl2dQ$"
  "NfEnUOuUpb7F2fQkgFUG4." },
{ "malformed", "", "$argon2id$v=19$m=16,t=2,p=1$c2FsdA$"
  "NfEnUOuUpb7F2fQkgFUG4g" },
{ "malformed", "", "$argon2id$v=19$m=16,t=2,p=1$bGJRWThNOHJJTVBSdHl2dQ$" },
{ "malformed", "", "$argon2id$v=19$m=16,t=2,p=1$bGJRWThNOHJJTVBSdHl2dQ$"
  "NfEnUOuUpb7F2fQkgFUQ" },
{ "malformed", "", "$argon2id$v=19$m=16,t=2" },
{ "malformed", "", "$argon2id$" },
{ "unknown_scheme", "", "$argon2d$v=19$m=16,t=2,p=1$bGJRWThNOHJJTVBSdHl2dQ$"
  "NfEnUOuUpb7F2fQkgFUG4g" },

/* PBKDF2: Werkzeug's, Django's, passlib's */
{ "", "correct horse", "pbkdf2:sha1:1000$P2cFZXRZiMKHs4yZ$"
  "6ad99fdadfbcfd17b02411b122960ab7eabde5d2" },
{ "", "correct horse", "pbkdf2:sha256:1000$Ztc4b6anQnOfzluf$"
  "79499f72984a4b58facedc60a8e901aa7eb120a24756a38996433201f41ecb79" },
{ "", "correct horse", "pbkdf2:sha512:1000$6AEFENxpPASxTUKy$"
  "9796ecdd75dd2ac26ea439b7548c83634a6d6b0baa35cb2845581cf7b1ab77be"
  "6d69843acb163482381da7b34daa326708a080d455a0ece7a7d8255dbda691ac" },
{ "", "correct horse", "pbkdf2_sha1$1000$XsrCpi8Y1yc2gOZaOu9biv$"
  "HMLR9YkFKySDIgaSDtOippuYR94=" },
{ "", "correct horse", "pbkdf2_sha256$1000$lYu2KyOuUKuAfKA3Bkk0Dg$"
  "qbcHIbQkRqjvMfzCJFV/u9JPVQsmopQw11EbEPujhHs=" },
{ "", "correct horse", "$pbkdf2$1000$C0EoRci5d.4dY6z1Pqf0fg$"
  "JcLzC3pmUS1ZfEz7yUkiy.SyaVU" },
{ "", "correct horse", "$pbkdf2-sha256$1000$P.e8F6I0BuC8975X6t37Pw$"
  "NKauq5cNT96TVTiAZqWDDgxXYKQOal7QtjPWPDT96ag" },
{ "", "correct horse", "$pbkdf2-sha512$1000$rnVOqdXam3NOqfVe692b8w$"
  "fTABxb4Q5hIkL3hX2ARKUocTeXAd4o5k3Nor4PFVFB5Z46zeTXXws6fbn08JdlhlYbUgNkVJ.t4g"
  "j1Tr459dlw" },
{ "", "correct horse", "$pbkdf2-sha256$i=1000,l=32$P+e8F6I0BuC8975X6t37Pw$"
  "NKauq5cNT96TVTiAZqWDDgxXYKQOal7QtjPWPDT96ag" },
{ "", "correct horse", "$pbkdf2-sha512$i=1000,l=64$rnVOqdXam3NOqfVe692b8w$"
  "fTABxb4Q5hIkL3hX2ARKUocTeXAd4o5k3Nor4PFVFB5Z46zeTXXws6fbn08JdlhlYbUgNkVJ+t4g"
  "j1Tr459dlw" },
{ "", "", "pbkdf2:sha1:4194304$P2cFZXRZiMKHs4yZ$"
  "6ad99fdadfbcfd17b02411b122960ab7eabde5d2" },
{ "excessive", "", "pbkdf2:sha1:4194305$P2cFZXRZiMKHs4yZ$"
  "6ad99fdadfbcfd17b02411b122960ab7eabde5d2" },
{ "", "", "$pbkdf2-sha256$4194304$P.e8F6I0BuC8975X6t37Pw$"
  "NKauq5cNT96TVTiAZqWDDgxXYKQOal7QtjPWPDT96ag" },
{ "excessive", "", "$pbkdf2-sha256$4194305$P.e8F6I0BuC8975X6t37Pw$"
  "NKauq5cNT96TVTiAZqWDDgxXYKQOal7QtjPWPDT96ag" },
{ "", "", "pbkdf2:sha512:2097152$6AEFENxpPASxTUKy$"
  "9796ecdd75dd2ac26ea439b7548c83634a6d6b0baa35cb2845581cf7b1ab77be"
  "6d69843acb163482381da7b34daa326708a080d455a0ece7a7d8255dbda691ac" },
{ "excessive", "", "pbkdf2:sha512:2097153$6AEFENxpPASxTUKy$"
  "9796ecdd75dd2ac26ea439b7548c83634a6d6b0baa35cb2845581cf7b1ab77be"
  "6d69843acb163482381da7b34daa326708a080d455a0ece7a7d8255dbda691ac" },
{ "excessive", "", "$pbkdf2-sha256$99999999999999999999$P.e8F6I0BuC8975X6t37Pw$"
  "NKauq5cNT96TVTiAZqWDDgxXYKQOal7QtjPWPDT96ag" },
{ "unknown_scheme", "", "pbkdf2:sha256$Ztc4b6anQnOfzluf$"
  "79499f72984a4b58facedc60a8e901aa7eb120a24756a38996433201f41ecb79" },
{ "malformed", "", "pbkdf2:sha256:0$Ztc4b6anQnOfzluf$"
  "79499f72984a4b58facedc60a8e901aa7eb120a24756a38996433201f41ecb79" },
{ "malformed", "", "pbkdf2:sha256:-1$Ztc4b6anQnOfzluf$"
  "79499f72984a4b58facedc60a8e901aa7eb120a24756a38996433201f41ecb79" },
{ "malformed", "", "pbkdf2:sha256:1000$$"
  "79499f72984a4b58facedc60a8e901aa7eb120a24756a38996433201f41ecb79" },
{ "malformed", "", "pbkdf2:sha256:1000$a salt$"
  "79499f72984a4b58facedc60a8e901aa7eb120a24756a38996433201f41ecb79" },
{ "malformed", "", "pbkdf2:sha256:1000$Ztc4b6anQnOfzluf$"
  "79499f72984a4b58facedc60a8e901" },
{ "malformed", "", "pbkdf2:sha256:1000$Ztc4b6anQnOfzluf$"
  "79499f72984a4b58facedc60a8e901aa7eb120a24756a38996433201f41ecb7" },
{ "malformed", "", "pbkdf2:sha256:1000$Ztc4b6anQnOfzluf$"
  "79499f72984a4b58facedc60a8e901aa7eb120a24756a38996433201f41ecb7g" },
{ "malformed", "", "pbkdf2:sha256:1000$Ztc4b6anQnOfzluf$"
  "79499f72984a4b58facedc60a8e901aa7eb120a24756a38996433201f41ecb79 " },
{ "malformed", "", "pbkdf2_sha256$1000$lYu2KyOuUKuAfKA3Bkk0Dg$"
  "qbcHIbQkRqjvMfzCJFV/u9JPVQsmopQw11EbEPujhHs=$" },
{ "malformed", "", "pbkdf2_sha256$1000$lYu2KyOuUKuAfKA3Bkk0Dg$"
  "qbcHIbQkRqjvMfzCJFV/u9JPVQsmopQw11EbEPujhHs===" },
{ "", "", "$pbkdf2$1048576$P5rtFkGtPfoaryJ6PizUJw==$"
  "hXcqOzEYDupyO66F4ELlBhxgoa90by5jAmdO2ofrQdAPNNJQlH0HtA7Yk1p/pQsQW3qZzUVdhX/+"
  "9vyO8HZuKg==" },
{ "excessive", "", "$pbkdf2$1048577$P5rtFkGtPfoaryJ6PizUJw==$"
  "hXcqOzEYDupyO66F4ELlBhxgoa90by5jAmdO2ofrQdAPNNJQlH0HtA7Yk1p/pQsQW3qZzUVdhX/+"
  "9vyO8HZuKg==" },
{ "malformed", "", "pbkdf2_sha256$1000$lYu2KyOuUKuAfKA3Bkk0Dg$"
  "qbcHIbQkRqjvMfzCJFV/u9JPVQsmopQw11EbEPujhHt=" },
{ "malformed", "", "$pbkdf2-sha256$1000$P.e8F6I0BuC8975X6t37Pw$" },
{ "malformed", "", "$pbkdf2-sha256$1000$P.e8F6I0BuC8975X6t37Pw" },
{ "malformed", "", "$pbkdf2-sha256$1000$$"
  "NKauq5cNT96TVTiAZqWDDgxXYKQOal7QtjPWPDT96ag" },
{ "unknown_scheme", "", "pbkdf2:md5:1000$P2cFZXRZiMKHs4yZ$"
  "6ad99fdadfbcfd17b02411b122960ab7eabde5d2" },
{ "unknown_scheme", "", "pbkdf2_md5$1000$seasalt$Rz+Q8lQWP7rBz7MQfCUVHg==" },

/* Keycloak's, converted to passlib's form; the digest may have any length */
{ "", "password", "$pbkdf2-sha256$27500$P5rtFkGtPfoaryJ6PizUJw==$"
  "JsfNbCOIdZUbyBJ+BT+VoGI91Ec2rWLOvkLPDaX8e9k=" },
{ "", "correct horse", "$pbkdf2$1000$P5rtFkGtPfoaryJ6PizUJw==$"
  "hXcqOzEYDupyO66F4ELlBhxgoa90by5jAmdO2ofrQdAPNNJQlH0HtA7Yk1p/pQsQW3qZzUVdhX/+"
  "9vyO8HZuKg==" },
{ "", "correct horse", "$pbkdf2-sha256$1000$P5rtFkGtPfoaryJ6PizUJw==$"
  "fK7FsRjhJeCeQhLwCpMMAMhC3+Ipdmq8qsSLWvrnDf1uGOIwRX+jSEIwzwpC+Zz2SG2flJ4P59kI"
  "jyyqy38H/A==" },
{ "", "correct horse", "$pbkdf2-sha512$1000$P5rtFkGtPfoaryJ6PizUJw==$"
  "/4sb1b0bXoHlTOTqqRZhRsPwLjUB8fntz4T9dihOPa7gZT0a1Z4y6+HvVgir1bIiUdDoVsJysUgG"
  "s2JnpSJo8Q==" },
{ "", "", "$pbkdf2-sha256$2097152$P5rtFkGtPfoaryJ6PizUJw==$"
  "fK7FsRjhJeCeQhLwCpMMAMhC3+Ipdmq8qsSLWvrnDf1uGOIwRX+jSEIwzwpC+Zz2SG2flJ4P59kI"
  "jyyqy38H/A==" },
{ "excessive", "", "$pbkdf2-sha256$2097153$P5rtFkGtPfoaryJ6PizUJw==$"
  "fK7FsRjhJeCeQhLwCpMMAMhC3+Ipdmq8qsSLWvrnDf1uGOIwRX+jSEIwzwpC+Zz2SG2flJ4P59kI"
  "jyyqy38H/A==" },

/* scrypt: Werkzeug's, Django's, passlib's */
{ "", "correct horse", "scrypt:1024:8:1$bYgZXzPgnmQ0bl9s$"
  "1cff225d3a5518442329a320ee13a32ab030df2c8d769e4c24eb8572af2bdf04"
  "372b4a79d0bfaa3a1cfb7b9cc3a4b3cd77724fad8c060ad16771477047b51ed5" },
{ "", "l\xc3\xa8tmein", "scrypt$16384$seasalt$8$1$"
  "Qj3+9PPyRjSJIebHnG81TMjsqtaIGxNQG/aEB/NYafTJ7tibgfYz71m0ldQESkXFRkdVCBhhY8mx"
  "7rQwite/Pw==" },
{ "", "correct horse", "$scrypt$ln=10,r=8,p=1$CSGktPa+tzZmrDWGMEYohQ$"
  "viWupeIioWQwwPnlcUv2/ybN5xyH/33SuxbqhSNeY4A" },
{ "", "correct horse", "$scrypt$ln=4,r=8,p=3$g3BOKaX0XgvBGEOI8b5Xag$"
  "5Htj1BSexBD3CEaqbPQpGBZwEZK7JfOaZvqoas44CU4" },
{ "", "", "scrypt:524288:8:1$bYgZXzPgnmQ0bl9s$"
  "1cff225d3a5518442329a320ee13a32ab030df2c8d769e4c24eb8572af2bdf04" },
{ "excessive", "", "scrypt:524288:8:2$bYgZXzPgnmQ0bl9s$"
  "1cff225d3a5518442329a320ee13a32ab030df2c8d769e4c24eb8572af2bdf04" },
{ "excessive", "", "scrypt:1048576:8:1$bYgZXzPgnmQ0bl9s$"
  "1cff225d3a5518442329a320ee13a32ab030df2c8d769e4c24eb8572af2bdf04" },
{ "excessive", "", "scrypt:2:99999999999999999999:1$bYgZXzPgnmQ0bl9s$"
  "1cff225d3a5518442329a320ee13a32ab030df2c8d769e4c24eb8572af2bdf04" },
{ "excessive", "", "scrypt:18446744073709551616:1:1$bYgZXzPgnmQ0bl9s$"
  "1cff225d3a5518442329a320ee13a32ab030df2c8d769e4c24eb8572af2bdf04" },
{ "malformed", "", "scrypt:1000:8:1$bYgZXzPgnmQ0bl9s$"
  "1cff225d3a5518442329a320ee13a32ab030df2c8d769e4c24eb8572af2bdf04" },
{ "malformed", "", "scrypt:1:8:1$bYgZXzPgnmQ0bl9s$"
  "1cff225d3a5518442329a320ee13a32ab030df2c8d769e4c24eb8572af2bdf04" },
{ "malformed", "", "scrypt:1024:8$bYgZXzPgnmQ0bl9s$"
  "1cff225d3a5518442329a320ee13a32ab030df2c8d769e4c24eb8572af2bdf04" },
{ "malformed", "", "scrypt$16384$sea$salt$8$1$"
  "Qj3+9PPyRjSJIebHnG81TMjsqtaIGxNQG/aEB/NYafTJ7tibgfYz71m0ldQESkXFRkdVCBhhY8mx"
  "7rQwite/Pw==" },
{ "", "", "$scrypt$ln=19,r=8,p=1$CSGktPa+tzZmrDWGMEYohQ$"
  "viWupeIioWQwwPnlcUv2/ybN5xyH/33SuxbqhSNeY4A" },
{ "excessive", "", "$scrypt$ln=20,r=8,p=1$CSGktPa+tzZmrDWGMEYohQ$"
  "viWupeIioWQwwPnlcUv2/ybN5xyH/33SuxbqhSNeY4A" },
{ "excessive", "", "$scrypt$ln=64,r=8,p=1$CSGktPa+tzZmrDWGMEYohQ$"
  "viWupeIioWQwwPnlcUv2/ybN5xyH/33SuxbqhSNeY4A" },
{ "excessive", "", "$scrypt$ln=99999999999999999999,r=8,p=1$"
  "CSGktPa+tzZmrDWGMEYohQ$viWupeIioWQwwPnlcUv2/ybN5xyH/33SuxbqhSNeY4A" },
{ "malformed", "", "$scrypt$ln=0,r=8,p=1$CSGktPa+tzZmrDWGMEYohQ$"
  "viWupeIioWQwwPnlcUv2/ybN5xyH/33SuxbqhSNeY4A" },

/* Firebase's, as GoTrue has it: GoTrue's vector, and Firebase's own */
{ "", "mytestpassword", "$fbscrypt$v=1,n=14,r=8,p=1,ss=Bw==,"
  "sk=ou9tdYTGyYm8kuR6Dt0Bp0kDuAYoXrK16mbZO4yGwAn3oLspjnN0/c41v8xZnO1n14J3MjKj"
  "1b2g6AUCAlFwMw==$C0sHCg9ek77hsg==$"
  "zKVTMvnWVw5BBOZNUdnsalx4c4c7y/w7IS5p6Ut2+CfEFFlz37J9huyQfov4iizN8dbjvEJlM5tQ"
  "aJP84+hfTw==" },
{ "", "user1password", "$fbscrypt$v=1,n=14,r=8,p=1,ss=Bw==,"
  "sk=jxspr8Ki0RYycVU8zykbdLGjFQ3McFUH0uiiTvC8pVMXAn210wjLNmdZJzxUECKbm0QsEmYU"
  "SDzZvpjeJ9WmXA==$42xEC+ixf3L2lw==$"
  "lSrfV15cpx95/sZS2W9c9Kp6i/LVgQNDNC/qzrCnh1SAyZvqmZqAjTdn3aoItz+VHjoZilo78198"
  "JAdRuid5lQ==" },
/* in base64url, as Firebase exports it */
{ "", "user1password", "$fbscrypt$v=1,n=14,r=8,p=1,ss=Bw,"
  "sk=jxspr8Ki0RYycVU8zykbdLGjFQ3McFUH0uiiTvC8pVMXAn210wjLNmdZJzxUECKbm0QsEmYU"
  "SDzZvpjeJ9WmXA==$42xEC-ixf3L2lw==$"
  "lSrfV15cpx95_sZS2W9c9Kp6i_LVgQNDNC_qzrCnh1SAyZvqmZqAjTdn3aoItz-VHjoZilo78198"
  "JAdRuid5lQ==" },
{ "excessive", "", "$fbscrypt$v=1,n=20,r=8,p=1,ss=Bw==,"
  "sk=jxspr8Ki0RYycVU8zykbdLGjFQ3McFUH0uiiTvC8pVMXAn210wjLNmdZJzxUECKbm0QsEmYU"
  "SDzZvpjeJ9WmXA==$42xEC+ixf3L2lw==$"
  "lSrfV15cpx95/sZS2W9c9Kp6i/LVgQNDNC/qzrCnh1SAyZvqmZqAjTdn3aoItz+VHjoZilo78198"
  "JAdRuid5lQ==" },
{ "malformed", "", "$fbscrypt$v=2,n=14,r=8,p=1,ss=Bw==,"
  "sk=jxspr8Ki0RYycVU8zykbdLGjFQ3McFUH0uiiTvC8pVMXAn210wjLNmdZJzxUECKbm0QsEmYU"
  "SDzZvpjeJ9WmXA==$42xEC+ixf3L2lw==$"
  "lSrfV15cpx95/sZS2W9c9Kp6i/LVgQNDNC/qzrCnh1SAyZvqmZqAjTdn3aoItz+VHjoZilo78198"
  "JAdRuid5lQ==" },
{ "malformed", "", "$fbscrypt$v=1,n=14,r=8,p=1,ss=Bw==,sk=c2lnbmVy$"
  "42xEC+ixf3L2lw==$"
  "lSrfV15cpx95/sZS2W9c9Kp6i/LVgQNDNC/qzrCnh1SAyZvqmZqAjTdn3aoItz+VHjoZilo78198"
  "JAdRuid5lQ==" },
/* the key's length isn't the digest's */
{ "malformed", "", "$fbscrypt$v=1,n=14,r=8,p=1,ss=Bw==,"
  "sk=jxspr8Ki0RYycVU8zykbdLGjFQ3McFUH0uiiTvC8pVMXAn210wjLNmdZJzxUECKbm0QsEmYU"
  "SDzZvpjeJ9Wm$42xEC+ixf3L2lw==$"
  "lSrfV15cpx95/sZS2W9c9Kp6i/LVgQNDNC/qzrCnh1SAyZvqmZqAjTdn3aoItz+VHjoZilo78198"
  "JAdRuid5lQ==" },
{ "malformed", "", "$fbscrypt$v=1,n=14,r=8,p=1,ss=,"
  "sk=jxspr8Ki0RYycVU8zykbdLGjFQ3McFUH0uiiTvC8pVMXAn210wjLNmdZJzxUECKbm0QsEmYU"
  "SDzZvpjeJ9WmXA==$42xEC+ixf3L2lw==$"
  "lSrfV15cpx95/sZS2W9c9Kp6i/LVgQNDNC/qzrCnh1SAyZvqmZqAjTdn3aoItz+VHjoZilo78198"
  "JAdRuid5lQ==" },

/* none of these */
{ "unknown_scheme", "", "" },
{ "unknown_scheme", "", "secret" },
{ "unknown_scheme", "", "!" },
{ "unknown_scheme", "", "$" },
{ "unknown_scheme", "", "5f4dcc3b5aa765d61d8327deb882cf99" },
{ "unknown_scheme", "", "$1$abcdefgh$NSfdE3WLLOLuAeFLQwBwc." },
{ "unknown_scheme", "", "$6$rounds=5000$saltstring$x" },
{ "unknown_scheme", "", "md5$seasalt$3f86d0d3d465b7b458c231bf3555c0e3" },
{ "unknown_scheme", "", "\xc3\xa4rger" }
